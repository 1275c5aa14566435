"""One ONNX node against LightGBM's own scores, bit for bit."""

from __future__ import annotations

import lightgbm
import numpy as np
import onnx
import onnxruntime
import pytest

from medkd.errors import InputError
from medkd.networks.tree_ensemble import DOMAIN, VERSION, tree_ensemble

NUMBERS = 4


def table(seed: int, missing: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.normal(0, 50, (400, NUMBERS))
    made[rng.random(made.shape) < missing] = np.nan
    return made


def grown(
    seed: int, objective: str = "regression", missing: float = 0.3, rounds: int = 20, **settings: object
) -> lightgbm.Booster:
    given = table(seed, missing)
    aim = np.nan_to_num(given).sum(axis=1)
    aim = {"regression": aim, "binary": aim > 0, "cross_entropy": 1 / (1 + np.exp(-aim / 50))}[objective]
    held = {
        "objective": objective,
        "verbosity": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
        "deterministic": True,
        **settings,
    }
    return lightgbm.train(held, lightgbm.Dataset(given, aim), num_boost_round=rounds)


def scores(boosters: list[list[tuple[lightgbm.Booster, float]]], given: np.ndarray) -> np.ndarray:
    kind = onnx.TensorProto.DOUBLE
    graph = onnx.helper.make_graph(
        [tree_ensemble(boosters, "table", "scores")],
        "trees",
        [onnx.helper.make_tensor_value_info("table", kind, ["batch", NUMBERS])],
        [onnx.helper.make_tensor_value_info("scores", kind, ["batch", len(boosters)])],
    )
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(DOMAIN, VERSION)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(
        None, {"table": given}
    )[0]


@pytest.mark.parametrize("objective", ["regression", "binary", "cross_entropy"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_scores_are_lightgbms_own_where_numbers_are_missing_too(objective: str, missing: float) -> None:
    booster = grown(0, objective, missing)
    # Not a number was missing when these were grown with 0.0; LightGBM then takes a missing one for zero.
    given = table(1, 0.4)
    expected = booster.predict(given, raw_score=True, num_threads=1)
    assert np.ptp(expected) > 1
    assert np.abs(scores([[(booster, 1.0)]], given)[:, 0] - expected).max() < 1e-10


def test_a_number_at_a_split_goes_where_lightgbm_sends_it() -> None:
    booster = grown(2)
    splits = booster.trees_to_dataframe().dropna(subset="threshold")
    # Before any split LightGBM takes what is nearer to zero than 1e-35 for zero.
    splits = splits[splits["threshold"].abs() > 1e-30]
    assert len(splits) > 500
    given = np.zeros((len(splits), NUMBERS))
    for row, (feature, threshold) in enumerate(zip(splits["split_feature"], splits["threshold"], strict=True)):
        given[row, int(feature.removeprefix("Column_"))] = threshold
    beside = np.concatenate([given, np.nextafter(given, np.inf), np.nextafter(given, -np.inf)])
    expected = booster.predict(beside, raw_score=True, num_threads=1)
    assert np.abs(scores([[(booster, 1.0)]], beside)[:, 0] - expected).max() < 1e-10


def test_outputs_are_weighted_means_of_their_own_boosters() -> None:
    members = [
        [(grown(3), 1.0), (grown(4), 0.25)],
        [(grown(5), 2.0)],
        [(grown(6, rounds=1, num_leaves=2), 1.0), (grown(7), 3.0)],
    ]
    given = table(8, 0.2)
    expected = np.stack(
        [
            np.average([b.predict(given, raw_score=True) for b, _ in held], axis=0, weights=[w for _, w in held])
            for held in members
        ],
        axis=1,
    )
    assert np.abs(scores(members, given) - expected).max() < 1e-9


def test_a_tree_of_one_leaf_is_a_constant() -> None:
    booster = grown(0, min_data_in_leaf=400, rounds=3)
    assert booster.trees_to_dataframe()["split_feature"].isna().all()
    given = table(1, 0.5)
    assert scores([[(booster, 1.0)]], given)[:, 0] == pytest.approx(booster.predict(given))


def test_splits_that_have_no_form_are_refused() -> None:
    rng = np.random.default_rng(0)
    given = rng.integers(0, 6, (400, NUMBERS)).astype(float)
    kinds = {"categorical_feature": [0]}, {}
    aims = np.isin(given[:, 0], [1, 4]).astype(float), given[:, 0]
    settings = {"min_data_per_group": 1, "cat_smooth": 0.1}, {"zero_as_missing": True}
    for kind, aim, extra in zip(kinds, aims, settings, strict=True):
        data = lightgbm.Dataset(given, aim, **kind)
        booster = lightgbm.train(
            {"objective": "regression", "verbosity": -1, "num_threads": 1, **extra}, data, num_boost_round=3
        )
        with pytest.raises(InputError, match="has no ONNX form"):
            tree_ensemble([[(booster, 1.0)]], "table", "scores")
