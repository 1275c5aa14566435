from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from medkd.errors import InputError
from medkd.evidence.statistics.metrics import METRICS, auprc, auroc, flagged, measure, metric_named, npv, ppv


@pytest.fixture(params=["ties", "no ties"])
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = (rng.random(300) < 0.3).astype(float)
    score = 1 / (1 + np.exp(-(y + rng.standard_normal(300))))
    if request.param == "ties":
        score = np.round(score, 1)
    return y, score, rng.integers(0, 4, size=(300, 25)).astype(float)


def test_ranking_metrics_equal_scikit_learn_in_every_replicate(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, weights = case
    for ours, theirs in ((auroc, sk.roc_auc_score), (auprc, sk.average_precision_score)):
        expected = [theirs(y, score, sample_weight=column) for column in weights.T]
        np.testing.assert_allclose(ours(y, score, weights)[0], expected, rtol=0, atol=1e-12)


def test_decision_metrics_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, weights = case
    decision, heavy = (score >= 0.6).astype(float), weights[:, 0]
    assert measure("f1", y, decision, heavy) == pytest.approx(sk.f1_score(y, decision, sample_weight=heavy))
    assert measure("sensitivity", y, decision, heavy) == pytest.approx(
        sk.recall_score(y, decision, sample_weight=heavy)
    )
    assert measure("specificity", y, decision, heavy) == pytest.approx(
        sk.recall_score(1 - y, 1 - decision, sample_weight=heavy)
    )


def test_error_metrics_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, weights = case
    heavy = weights[:, 1]
    assert measure("brier", y, score, heavy) == pytest.approx(sk.brier_score_loss(y, score, sample_weight=heavy))
    assert measure("rmse", y, score, heavy) == pytest.approx(sk.root_mean_squared_error(y, score, sample_weight=heavy))


def test_calibration_error_by_hand() -> None:
    # Bin 0.1-0.2 holds 3 samples with one event, predicted 0.15; bin 0.9-1 holds one event, predicted 1.0.
    assert measure("ece", [1, 0, 0, 1], [0.15, 0.15, 0.15, 1.0]) == pytest.approx(0.75 * abs(1 / 3 - 0.15))


def test_a_replicate_without_positives_is_undefined_and_weighs_nothing() -> None:
    y, score = np.array([0.0, 1.0, 0.0]), np.array([0.1, 0.5, 0.2])
    weights = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    for name in ("auroc", "auprc"):
        value, mass = METRICS[name].function(y, score, weights)
        assert np.isnan(value[0])
        assert mass[0] == 0
        assert value[1] == 1


def test_a_metric_that_does_not_suit_the_target_is_refused() -> None:
    with pytest.raises(InputError, match="does not measure a regression"):
        metric_named("auroc", "regression")
    with pytest.raises(InputError, match="auroc"):
        metric_named("aurocc", "binary")


def test_predictive_values_equal_scikit_learn_under_any_weights() -> None:
    rng = np.random.default_rng(0)
    y, decision = (rng.random((2, 200)) < [[0.3], [0.4]]).astype(float)
    weights = rng.integers(0, 3, (200, 5)).astype(float)
    for column in range(5):
        heavy = weights[:, column]
        assert ppv(y, decision, weights)[0][column] == pytest.approx(
            sk.precision_score(y, decision, sample_weight=heavy)
        )
        assert npv(y, decision, weights)[0][column] == pytest.approx(
            sk.precision_score(1 - y, 1 - decision, sample_weight=heavy)
        )
        assert flagged(y, decision, weights)[0][column] == pytest.approx(np.average(decision, weights=heavy))


def test_ppv_is_undefined_where_nobody_is_flagged() -> None:
    value, mass = ppv(np.ones(3), np.zeros(3), np.ones((3, 1)))
    assert np.isnan(value[0])
    assert mass[0] == 0
