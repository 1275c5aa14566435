"""Conformal sets hold what they promise, of each class, and promise nothing where they cannot know."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.evidence.calibration.conformal import Conformal
from tests.evidence.simulated import BINARY

MULTILABEL = Target("both", "multilabel", ("a", "b"), ("A", "B"))
MULTICLASS = Target("kind", "multiclass", ("kind",), ("x", "y", "z"))
VALUE = Target("glucose", "regression", ("glucose",), units="mg/dL")


def _draw(target: Target, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Predictions that are far from calibrated, of labels of very different frequency."""
    if target.kind == "regression":
        y = rng.standard_normal((n, 1)) * 3
        return y + rng.standard_t(2, (n, 1)), y
    if target.kind == "multiclass":
        label = rng.choice(3, n, p=[0.7, 0.2, 0.1])
        return softmax(4 * np.eye(3)[label] + 4 * rng.standard_normal((n, 3)), axis=1), np.eye(3)[label]
    y = (rng.random((n, target.outputs)) < 0.2).astype(float)
    return expit(3 * y - 1 + 3 * rng.standard_normal(y.shape)), y


@pytest.mark.parametrize("target", [BINARY, MULTILABEL, MULTICLASS, VALUE], ids=lambda target: target.kind)
def test_coverage_holds_in_each_class_over_many_draws(target: Target) -> None:
    rng = np.random.default_rng(0)
    draws, coverage, covered, asked = 400, 0.8, [], []
    for _ in range(draws):
        p, y = _draw(target, 90, rng)
        sets = Conformal.fit(p, y, target, coverage)
        p, y = _draw(target, 60, rng)
        holds = sets.holds(p, y)
        covered.append(np.nansum(holds, axis=0))
        asked.append(np.isfinite(holds).sum(axis=0))
    share = np.sum(covered, axis=0) / np.sum(asked, axis=0)
    # The draws are independent, items of one draw are not: the error is at most that of so many draws.
    spread = np.std(np.array(covered) / np.maximum(asked, 1), axis=0) / np.sqrt(draws)
    assert (share > coverage - 3 * spread).all()
    smallest = np.mean(asked, axis=0).min() * 90 / 60
    assert (share < coverage + 1 / smallest + 0.02 + 3 * spread).all()


def test_the_quantile_is_the_one_of_the_finite_sample() -> None:
    p = np.arange(1, 20).reshape(-1, 1) / 100
    sets = Conformal.fit(p, np.zeros((19, 1)), BINARY, 0.9)
    assert sets.quantiles[0, 1] == 0.18
    assert Conformal.fit(p, np.zeros((19, 1)), BINARY, 0.95).quantiles[0, 1] == 0.19
    assert Conformal.fit(p, np.zeros((19, 1)), BINARY, 0.96).quantiles[0, 1] == np.inf


def test_a_class_that_is_too_rare_stands_in_every_set() -> None:
    rng = np.random.default_rng(1)
    y = np.zeros((100, 1))
    y[:5] = 1
    p = expit(4 * y - 2 + rng.standard_normal((100, 1)))
    sets = Conformal.fit(p, y, BINARY, 0.9)
    assert sets.to_dict()["quantiles"] == {
        "conduction disturbance": {"present": None, "absent": float(sets.quantiles[0, 1])}
    }
    assert sets.holds(np.linspace(0, 1, 50)[:, None], np.ones((50, 1)))[:, 0, 0].all()
    assert set(sets.sets(np.linspace(0, 1, 50)[:, None])) == {"abstains", "conduction disturbance"}
    unknown = Conformal.fit(np.empty((0, 1)), np.empty((0, 1)), BINARY)
    assert unknown.sets(np.array([[0.01], [0.99]])) == ["abstains", "abstains"]


def test_a_subject_with_many_samples_counts_once() -> None:
    rng = np.random.default_rng(2)
    p, y = _draw(BINARY, 200, rng)
    twice = Conformal.fit(np.repeat(p, 3, axis=0), np.repeat(y, 3, axis=0), BINARY, 0.9, np.repeat(np.arange(200), 3))
    once = Conformal.fit(p, y, BINARY, 0.9)
    assert (twice.counts == once.counts).all()
    assert np.allclose(twice.quantiles, once.quantiles)
    assert (Conformal.fit(p, y, BINARY, 0.9, np.zeros(200)).quantiles == np.inf).all()


def test_sets_are_written_as_a_clinician_reads_them() -> None:
    quantiles = np.array([[0.6, 0.5], [0.2, 0.3]])
    sets = Conformal(0.9, "multilabel", ("A", "B"), quantiles, np.ones((2, 2), int))
    assert sets.sets(np.array([[0.9, 0.1], [0.45, 0.5], [0.1, 0.9]])) == [
        "A; not B",
        "A: abstains; B: abstains",
        "not A; B",
    ]
    one = Conformal(0.9, "multiclass", ("x", "y", "z"), np.array([[0.5], [0.5], [0.9]]), np.ones((3, 1), int))
    assert one.sets(np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.49, 0.46, 0.05]])) == [
        "x or z",
        "y or z",
        "abstains",
    ]
    value = Conformal(0.9, "regression", ("glucose",), np.array([[12.3456]]), np.ones((1, 1), int))
    assert value.sets(np.array([[100.0]])) == ["87.65 to 112.3"]
    both = Conformal(0.9, "forecast", ("30 min", "60 min"), np.array([[1.0], [np.inf]]), np.ones((2, 1), int))
    assert both.sets(np.array([[5.0, 6.0]])) == ["30 min: 4 to 6; 60 min: abstains"]


def test_coverage_counts_what_is_in_the_sets() -> None:
    sets = Conformal(0.9, "binary", ("cd",), np.array([[0.6, 0.5]]), np.ones((1, 2), int))
    p, y = np.array([[0.9], [0.45], [0.1], [0.3], [0.2]]), np.array([[1.0], [1.0], [1.0], [0.0], [np.nan]])
    found = sets.coverage_of(p, y, ["a", "a", "b", "c", "d"])
    assert (found["n"], found["covered"], found["abstains"]) == (4, 0.75, 0.25)
    assert found["classes"]["cd"]["covered"] == pytest.approx(2 / 3)
    assert (found["classes"]["cd"]["n"], found["classes"]["cd"]["subjects"]) == (3, 2)
    assert found["classes"]["not cd"] | {"low": 0, "high": 0} == {
        "n": 1,
        "subjects": 1,
        "covered": 1,
        "low": 0,
        "high": 0,
        "abstains": 0,
    }
    assert sets.coverage_of(p[4:], y[4:])["covered"] is None


@pytest.mark.parametrize("target", [BINARY, MULTILABEL, MULTICLASS, VALUE], ids=lambda target: target.kind)
def test_it_is_read_as_it_was_written(target: Target) -> None:
    p, y = _draw(target, 40, np.random.default_rng(3))
    sets = Conformal.fit(p, y, target)
    again = Conformal.from_dict(json.loads(json.dumps(sets.to_dict(), allow_nan=False)), target, "calibration.json")
    assert (again.quantiles == sets.quantiles).all()
    assert again.sets(p) == sets.sets(p)
    assert again.to_dict() == sets.to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coverage": 1.0}, "coverage is 1.0"),
        ({"quantiles": {"cd": {"present": 0.1, "absent": 0.2}}}, "do not name conduction disturbance"),
        (
            {"quantiles": {"conduction disturbance": {"present": "0.1", "absent": 0.2}}},
            "present is '0.1'.*It must be a valid number",
        ),
        (
            {"quantiles": {"conduction disturbance": {"present": -0.1, "absent": 0.2}}},
            "present is -0.1.*greater than or equal to 0",
        ),
        (
            {"subjects": {"conduction disturbance": {"present": 1.5, "absent": 2}}},
            "present is 1.5.*It must be a valid integer",
        ),
        ({"subjects": None}, "subjects is None"),
        ({"alpha": 0.1}, "unknown key 'alpha'"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(change: dict[str, Any], message: str) -> None:
    p, y = _draw(BINARY, 40, np.random.default_rng(3))
    document = Conformal.fit(p, y, BINARY).to_dict() | change
    with pytest.raises(InputError, match=message):
        Conformal.from_dict(document, BINARY, "calibration.json")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="coverage is 1"):
        Conformal.fit(np.zeros((3, 1)), np.zeros((3, 1)), BINARY, 1.0)
    with pytest.raises(InputError, match="sample output"):
        Conformal.fit(np.zeros((3, 2)), np.zeros((3, 2)), BINARY)


class _Known(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose features are its probabilities."""

    classes_ = np.arange(3)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x: np.ndarray, y: np.ndarray) -> _Known:
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x).argmax(axis=1)

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x)


class _Value(RegressorMixin, BaseEstimator):
    """A fitted regression whose feature is its prediction."""

    is_fitted = True

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x: np.ndarray, y: np.ndarray) -> _Value:
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x)[:, 0]


@pytest.mark.filterwarnings("ignore:.*less labels than your training dataset")
def test_class_sets_are_those_of_mapie_fitted_on_each_class_alone() -> None:
    """MAPIE's LAC sets are marginal; ours are label-conditional, that is LAC on the samples of one class."""
    rng = np.random.default_rng(5)
    p, y = _draw(MULTICLASS, 240, rng)
    new, _ = _draw(MULTICLASS, 300, rng)
    for coverage in (0.8, 0.9):
        fits = Conformal.fit(p, y, MULTICLASS, coverage)._fits(new)[:, :, 0]
        for column in range(3):
            rows = y[:, column] == 1
            mapie = SplitConformalClassifier(_Known(), confidence_level=coverage, conformity_score="lac", prefit=True)
            mapie.conformalize(p[rows], np.full(int(rows.sum()), column))
            _, sets = mapie.predict_set(new)
            assert (fits[:, column] == sets[:, column, 0]).all()
            assert 0 < fits[:, column].mean() < 1


def test_intervals_of_values_are_those_of_mapie() -> None:
    rng = np.random.default_rng(6)
    values, y = _draw(VALUE, 150, rng)
    new, _ = _draw(VALUE, 20, rng)
    mapie = SplitConformalRegressor(_Value(), confidence_level=0.9, conformity_score="absolute", prefit=True)
    mapie.conformalize(values, y[:, 0])
    _, intervals = mapie.predict_interval(new)
    half = Conformal.fit(values, y, VALUE, 0.9).quantiles[0, 0]
    np.testing.assert_allclose(intervals[:, :, 0], np.column_stack([new - half, new + half]), atol=1e-12)
