"""LightGBM boosters as one ONNX node that is exact in every split.

Not by onnxmltools: its graphs hold thresholds in single precision and send some missing values the other way (the
scores of 546 to 701 of 3,997 real stays were off by up to 0.23), and it takes no booster that learnt probabilities
(cross-entropy).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medkd.errors import InputError

if TYPE_CHECKING:
    import onnx

DOMAIN, VERSION = "ai.onnx.ml", 5
"""The operators' set that ``TreeEnsemble`` came with."""
_SUM, _NO_TRANSFORM, _AT_MOST = 1, 0, 0
_EITHER_WAY = {"split_feature": 0, "threshold": 0.0, "decision_type": "<=", "missing_type": "NaN", "default_left": True}
"""The split that ``TreeEnsemble`` asks of a tree of one leaf."""


class _Table:
    """Nodes and leaves of all trees, one after the other, as ``TreeEnsemble`` names them."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.nodes: list[tuple[int, float, bool, list[int], list[bool]]] = []
        self.leaves: list[tuple[int, float]] = []

    def add(self, tree: Mapping[str, Any], output: int, weight: float) -> None:
        """Add one tree, whose leaves count with ``weight`` in output number ``output``."""
        if "split_feature" not in tree:
            tree = {**_EITHER_WAY, "left_child": tree, "right_child": tree}
        self.roots.append(self._node(tree, output, weight))

    def _node(self, node: Mapping[str, Any], output: int, weight: float) -> int:
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            what = f"a split '{node['decision_type']}' with missing values '{node['missing_type']}'"
            raise InputError(
                f"{what} has no ONNX form", where="trees", remedy="Grow them without categories and zero_as_missing"
            )
        # Where no value was missing in training, LightGBM treats a missing one as zero.
        left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        number = len(self.nodes)
        children: tuple[list[int], list[bool]] = ([], [])
        self.nodes.append((node["split_feature"], node["threshold"], left, *children))
        for child in (node["left_child"], node["right_child"]):
            is_leaf = "split_feature" not in child
            children[1].append(is_leaf)
            if is_leaf:
                self.leaves.append((output, child["leaf_value"] * weight))
                children[0].append(len(self.leaves) - 1)
            else:
                children[0].append(self._node(child, output, weight))
        return number


def tree_ensemble(boosters: Sequence[Sequence[tuple[Any, float]]], source: str, result: str) -> onnx.NodeProto:
    """A node that gives the weighted mean of the raw scores of each output's boosters, in double precision.

    Args:
        boosters: of each output, each with its weight.
        source: name of the table "sample number", float64, NaN where a number is missing.
        result: name of the scores "sample output", float64.

    Raises:
        InputError: a booster has categorical splits.
    """
    import onnx

    table = _Table()
    for output, members in enumerate(boosters):
        total = sum(weight for _, weight in members)
        for tree, weight in _trees(members):
            table.add(tree, output, weight / total)
    features, splits, left, children, are_leaves = zip(*table.nodes, strict=True)
    outputs, weights = zip(*table.leaves, strict=True)
    return onnx.helper.make_node(
        "TreeEnsemble",
        [source],
        [result],
        name="trees",
        domain=DOMAIN,
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
        n_targets=len(boosters),
        tree_roots=table.roots,
        nodes_featureids=features,
        nodes_splits=onnx.numpy_helper.from_array(np.asarray(splits, np.float64), "splits"),
        nodes_modes=onnx.numpy_helper.from_array(np.full(len(splits), _AT_MOST, np.uint8), "modes"),
        nodes_missing_value_tracks_true=[int(way) for way in left],
        nodes_truenodeids=[numbers[0] for numbers in children],
        nodes_falsenodeids=[numbers[1] for numbers in children],
        nodes_trueleafs=[int(leaf[0]) for leaf in are_leaves],
        nodes_falseleafs=[int(leaf[1]) for leaf in are_leaves],
        leaf_targetids=outputs,
        leaf_weights=onnx.numpy_helper.from_array(np.asarray(weights, np.float64), "weights"),
    )


def _trees(members: Sequence[tuple[Any, float]]) -> Iterator[tuple[Mapping[str, Any], float]]:
    for booster, weight in members:
        for tree in booster.dump_model()["tree_info"]:
            yield tree["tree_structure"], weight
