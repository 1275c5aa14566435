"""Intervals, corrections, and what is concluded from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medkd.benchmark.conclusions import earners, reading
from medkd.benchmark.results import Estimate, Finding, corrected, holm, paired, share_of

RNG = np.random.default_rng(0)


def test_the_interval_is_the_t_interval():
    differences = RNG.normal(0.1, 0.2, 15)
    found = paired(differences)
    known = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_the_ratio_covers_the_truth_as_often_as_it_says():
    hits = 0
    for _ in range(600):
        room = RNG.normal(0.08, 0.01, 16)
        found = share_of(0.3 * room + RNG.normal(0, 0.01, 16), room)
        hits += found is not None and found.low <= 0.3 <= found.high
    assert 0.92 < hits / 600 < 0.98


def test_no_share_of_a_room_that_may_be_nothing():
    assert share_of(np.array([0.1, 0.2, 0.1]), np.array([-0.1, 0.1, 0.0])) is None


def test_holm_on_a_known_example():
    # Holm 1979's procedure on four p-values, by hand: 4·0.005, 3·0.01, 2·0.03, then no smaller than before.
    assert holm([0.03, 0.005, 0.04, 0.01]) == pytest.approx([0.06, 0.02, 0.06, 0.03])


def finding(
    objective: str,
    differences: np.ndarray,
    factor: str = "centre",
    level: str = "1,000 pairs, 10 % labelled, out of fold",
) -> Finding:
    gain = paired(differences)
    own = paired(differences - 0.001) if factor == "centre" else None
    return Finding(factor, level, objective, 0.70, 0.70 + gain.value, 0.85, gain, None, own)


@pytest.fixture
def findings() -> list[Finding]:
    steady = RNG.normal(0.03, 0.004, 16)
    found = []
    for factor, level in (
        ("centre", "1,000 pairs, 10 % labelled, out of fold"),
        ("labels", "100 %"),
        ("control", "shuffled teacher"),
    ):
        found.append(finding("helper", steady if factor != "control" else np.zeros(16), factor, level))
        found.append(finding("idle", np.zeros(16), factor, level))
        found.append(finding("noisy", RNG.normal(0, 0.02, 16), factor, level))
        found.append(finding("spoiler", -steady, factor, level))
    return corrected(found)


def test_a_no_op_earns_nowhere_and_is_said_so_by_name(findings: list[Finding]):
    assert earners(findings) == {
        "helper": ["centre: 1,000 pairs, 10 % labelled, out of fold", "labels: 100 %"],
        "idle": [],
        "noisy": [],
        "spoiler": [],
    }
    told = reading(findings, "16 seeds")
    assert told[-1] == "Earn their place nowhere here: idle, noisy, spoiler."
    assert any("harm: spoiler" in line for line in told)
    assert told[0].startswith("8 gains (4 objectives, 2 cells; controls apart)")


def test_a_gain_that_the_self_teacher_gives_too_is_called_regularisation():
    steady = RNG.normal(0.03, 0.004, 16)
    shared = Finding("centre", "x", "sharer", 0.7, 0.73, 0.85, paired(steady), None, Estimate(0.0, -0.01, 0.01, 0.9))
    told = reading(corrected([shared, finding("idle", np.zeros(16))]), "16 seeds")
    assert any("may only regularise: sharer" in line for line in told)


def test_many_looks_cost(findings: list[Finding]):
    alone = corrected([finding("one", np.array([0.02, 0.01, 0.03, 0.0]))])[0]
    beside = corrected(
        [finding("one", np.array([0.02, 0.01, 0.03, 0.0]))] + [finding(f"n{i}", np.zeros(4)) for i in range(20)]
    )[0]
    assert alone.p_holm == pytest.approx(alone.gain.p)
    assert beside.p_holm == pytest.approx(min(21 * alone.gain.p, 1))
