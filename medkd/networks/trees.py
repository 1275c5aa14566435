"""Gradient-boosted trees as a network: signals in, logits out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.network import Network
from medkd.networks.onnx_graph import BATCH, LOGITS, traced
from medkd.networks.summary import summarise, summary_of
from medkd.networks.tree_ensemble import DOMAIN, VERSION, tree_ensemble

if TYPE_CHECKING:
    import onnx

WeightedBooster = tuple[Any, float]
"""A LightGBM booster, and its weight in the mean."""
_TABLE, _SCORES = "table", "scores"
_HEAD = "# booster "
_END = "\nend of parameters\n"
"""End of LightGBM's text; its reader ends the process where a text was cut before it."""


class Trees(Network):
    """Boosters over a summary of each signal (``medkd.networks.summary``).

    A logit is the weighted mean of its output's boosters.

    ``TreeLearner`` grows them; they are saved as LightGBM's own text, one booster after the other.

    Args:
        outputs: number of logits.

    Shapes: signals "batch variable step" with masks, or anything flat; logits "batch output".
    """

    weights_file: ClassVar[str] = "model.txt"

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self._boosters: list[list[WeightedBooster]] = [[] for _ in range(outputs)]

    def grow(self, boosters: Sequence[Sequence[WeightedBooster]]) -> None:
        """Take the boosters of each output, each with its weight."""
        self._boosters = [list(members) for members in boosters]

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """The weighted mean of the raw scores of each output's boosters.

        Raises:
            InputError: no booster was grown or loaded, or they were grown on another view.
        """
        table = summarise(signals)
        device = next(iter(signals.values())).values.device
        columns = [self._score(table, members) for members in self._boosters]
        return Output(logits=torch.from_numpy(np.stack(columns, axis=1).astype(np.float32)).to(device))

    def _score(self, table: np.ndarray[Any, Any], members: Sequence[WeightedBooster]) -> np.ndarray[Any, Any]:
        if not members:
            raise InputError(
                "trees were not grown",
                where=type(self).__name__,
                remedy="Fit them with medkd.distill.trees.TreeLearner",
            )
        if (numbers := members[0][0].num_feature()) != table.shape[1]:
            raise InputError(
                f"trees were grown on {numbers} numbers, this view gives {table.shape[1]}",
                remedy="Use the view of training",
            )
        scores = [booster.predict(table, raw_score=True, num_threads=1) for booster, _ in members]
        return np.asarray(np.average(scores, axis=0, weights=[weight for _, weight in members]))

    def onnx_graph(self, signals: Mapping[str, Signal]) -> onnx.ModelProto:
        """The summary and all boosters in one graph; splits and sums are in double precision, as in LightGBM.

        Raises:
            InputError: no booster was grown, or one has categorical splits.
        """
        import onnx

        self(signals)
        model = traced(lambda batch: summary_of(batch).double(), signals, self, _TABLE)
        model.graph.node.append(tree_ensemble(self._boosters, _TABLE, _SCORES))
        model.graph.node.append(
            onnx.helper.make_node("Cast", [_SCORES], [LOGITS], name=LOGITS, to=onnx.TensorProto.FLOAT)
        )
        del model.graph.output[:]
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, [BATCH, self.outputs])
        )
        model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, VERSION))
        return model

    def dump_weights(self) -> bytes:
        """LightGBM's text of each booster, under a line with its output and its weight."""
        parts = [
            f"{_HEAD}output={output} weight={weight!r}\n{booster.model_to_string()}"
            for output, members in enumerate(self._boosters)
            for booster, weight in members
        ]
        return "\n".join(parts).encode()

    def load_weights(self, content: bytes, where: object) -> None:
        """Read what ``dump_weights`` gave.

        Raises:
            InputError: it is not such a text, or has no booster for some output.
        """
        import lightgbm

        boosters: list[list[WeightedBooster]] = [[] for _ in range(self.outputs)]
        try:
            for part in content.decode().split(_HEAD)[1:]:
                head, _, text = part.partition("\n")
                if _END not in text:
                    raise ValueError("a booster's text is cut")
                settings = dict(word.split("=") for word in head.split())
                boosters[int(settings["output"])].append((lightgbm.Booster(model_str=text), float(settings["weight"])))
        except (ValueError, KeyError, IndexError, lightgbm.basic.LightGBMError) as error:
            raise InputError(
                f"{self.weights_file} holds no trees that can be read", where=where, remedy="Copy the folder again"
            ) from error
        if not all(boosters):
            raise InputError(
                f"{self.weights_file} has no trees for some output", where=where, remedy="Copy the folder again"
            )
        self._boosters = boosters
