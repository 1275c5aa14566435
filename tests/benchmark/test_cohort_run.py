"""Results on a cohort, from replicates that were made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from medkd.benchmark.cohort_run import CohortCondition, cohort_results
from medkd.benchmark.condition import Condition
from medkd.benchmark.experiment import TunedSetting
from medkd.benchmark.results import ObjectiveResult
from medkd.evidence.statistics.bootstrap import Replicates

RNG = np.random.default_rng(0)
SHARED = RNG.normal(0, 0.05, 2000)


def arm(value: float, own: float = 0.005) -> Replicates:
    """Replicates that move together, as those of the same draws of subjects do."""
    return Replicates(np.array([value - 0.01, value + 0.01]), value + SHARED + RNG.normal(0, own, 2000))


BASELINE, TEACHER, SOFT, RKD, SELF = arm(0.70), arm(0.85), arm(0.74), arm(0.72), arm(0.705)


def condition(name: str, fraction: float, teacher: str = "out_of_fold", **students: Replicates) -> CohortCondition:
    arms = {"baseline": BASELINE, "teacher": TEACHER, **students}
    return CohortCondition(
        Condition(name, 0, fraction, teacher),  # type: ignore[arg-type]
        arms,
        dict.fromkeys(arms, TunedSetting(0.3, 50)),
        pl.DataFrame(),
    )


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], ObjectiveResult]:
    measured = [
        condition("centre", 0.3, soft_labels=SOFT, rkd=RKD),
        condition("labels", 1.0, soft_labels=SOFT, rkd=BASELINE),
        condition("control", 0.3, "self_teacher", soft_labels=SELF, rkd=SELF),
    ]
    return {(result.factor, result.objective): result for result in cohort_results(measured)}


def test_a_gain_s_interval_is_that_of_the_paired_differences(results: dict[tuple[str, str], ObjectiveResult]):
    gain = results["centre", "soft_labels"].gain
    differences = SOFT.values - BASELINE.values
    assert gain.value == pytest.approx(0.04)
    assert (gain.low, gain.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])))
    assert gain.p == pytest.approx(2 * stats.norm.sf(0.04 / differences.std(ddof=1)))
    # What all arms share cancels: an interval of unpaired arms would be ten times as wide.
    assert gain.high - gain.low < 0.05


def test_a_student_that_is_the_baseline_shows_nothing(results: dict[tuple[str, str], ObjectiveResult]):
    result = results["labels", "rkd"]
    assert (result.gain.value, result.gain.p, result.verdict) == (0.0, 1.0, "no evidence")


def test_the_gap_is_the_teacher_s_lead_over_the_baseline(results: dict[tuple[str, str], ObjectiveResult]):
    closed = results["centre", "soft_labels"].gap_closed
    assert closed is not None
    assert closed.value == pytest.approx((0.74 - 0.70) / (0.85 - 0.70))
    alike = condition("centre", 0.3, soft_labels=SOFT)
    alike.arms["teacher"] = BASELINE
    assert cohort_results([alike])[0].gap_closed is None


def test_comparisons_beside_the_gain_are_made_at_the_centre_alone(results: dict[tuple[str, str], ObjectiveResult]):
    privileged, against = results["centre", "rkd"].privileged_gain, results["centre", "rkd"].against_soft_labels
    assert privileged is not None
    assert against is not None
    assert (privileged.value, against.value) == pytest.approx((0.015, -0.02))
    assert results["centre", "soft_labels"].against_soft_labels is None
    for factor in ("labels", "control"):
        assert results[factor, "rkd"].privileged_gain is None
        assert results[factor, "rkd"].against_soft_labels is None
