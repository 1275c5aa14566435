"""Intervals and corrections."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medkd.benchmark.results import ObjectiveResult, corrected, holm, paired, share_of

RNG = np.random.default_rng(0)


def test_the_interval_is_the_t_interval():
    differences = RNG.normal(0.1, 0.2, 15)
    effect = paired(differences)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((expected.low, expected.high))
    assert effect.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_the_ratio_covers_the_truth_as_often_as_it_says():
    hits = 0
    for _ in range(600):
        possible = RNG.normal(0.08, 0.01, 16)
        effect = share_of(0.3 * possible + RNG.normal(0, 0.01, 16), possible)
        hits += effect is not None and effect.low <= 0.3 <= effect.high
    assert 0.92 < hits / 600 < 0.98


def test_no_share_of_a_possible_gain_that_may_be_zero():
    assert share_of(np.array([0.1, 0.2, 0.1]), np.array([-0.1, 0.1, 0.0])) is None


def test_holm_on_a_known_example():
    # Holm 1979's procedure on four p-values, by hand: 4·0.005, 3·0.01, 2·0.03, then no smaller than before.
    assert holm([0.03, 0.005, 0.04, 0.01]) == pytest.approx([0.06, 0.02, 0.06, 0.03])


def result(
    objective: str,
    differences: np.ndarray,
    factor: str = "centre",
    level: str = "1,000 pairs, 10 % labelled, out of fold",
) -> ObjectiveResult:
    gain = paired(differences)
    privileged = paired(differences - 0.001) if factor == "centre" else None
    return ObjectiveResult(factor, level, objective, 0.70, 0.70 + gain.value, 0.85, gain, None, privileged)


def test_many_looks_cost():
    alone = corrected([result("one", np.array([0.02, 0.01, 0.03, 0.0]))])[0]
    beside = corrected(
        [result("one", np.array([0.02, 0.01, 0.03, 0.0]))] + [result(f"n{i}", np.zeros(4)) for i in range(20)]
    )[0]
    assert alone.p_holm == pytest.approx(alone.gain.p)
    assert beside.p_holm == pytest.approx(min(21 * alone.gain.p, 1))
