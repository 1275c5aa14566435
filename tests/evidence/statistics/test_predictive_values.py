from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_score

from medkd.evidence.statistics.predictive_values import flagged, npv, ppv


def test_they_are_those_of_scikit_learn_under_any_weights() -> None:
    rng = np.random.default_rng(0)
    y, decision = (rng.random((2, 200)) < [[0.3], [0.4]]).astype(float)
    weights = rng.integers(0, 3, (200, 5)).astype(float)
    for column in range(5):
        heavy = weights[:, column]
        assert ppv(y, decision, weights)[0][column] == pytest.approx(precision_score(y, decision, sample_weight=heavy))
        assert npv(y, decision, weights)[0][column] == pytest.approx(
            precision_score(1 - y, 1 - decision, sample_weight=heavy)
        )
        assert flagged(y, decision, weights)[0][column] == pytest.approx(np.average(decision, weights=heavy))


def test_nobody_flagged_leaves_it_undefined() -> None:
    value, mass = ppv(np.ones(3), np.zeros(3), np.ones((3, 1)))
    assert np.isnan(value[0])
    assert mass[0] == 0
