"""Results on the synthetic world, against the same numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medkd.benchmark.condition import Condition
from medkd.benchmark.experiment import TunedSetting
from medkd.benchmark.results import ObjectiveResult
from medkd.benchmark.synthetic.results import described, synthetic_results
from medkd.benchmark.synthetic.run import ConditionScores
from medkd.benchmark.synthetic.world import SyntheticWorld

WORLD = SyntheticWorld()
BASELINE = np.array([0.70, 0.72, 0.69, 0.71])
SOFT = BASELINE + np.array([0.02, 0.03, 0.01, 0.02])
RKD = BASELINE + np.array([0.01, 0.01, 0.02, 0.00])
SELF = BASELINE + np.array([0.00, 0.01, 0.00, 0.01])
SETTINGS = dict.fromkeys(("baseline", "teacher", "soft_labels", "rkd"), TunedSetting(0.3, 50, 3.0, 1.23456))


def scores(condition: Condition, **students: np.ndarray) -> ConditionScores:
    arms = {"baseline": BASELINE, "teacher": BASELINE + 0.1, **students}
    return ConditionScores(condition, {arm: list(values) for arm, values in arms.items()}, SETTINGS)


@pytest.fixture
def results() -> dict[tuple[str, str], ObjectiveResult]:
    centre = scores(Condition("centre", 1000, 0.1), soft_labels=SOFT, rkd=RKD)
    labels = scores(Condition("labels", 1000, 1.0), soft_labels=BASELINE, rkd=RKD)
    control = scores(Condition("control", 1000, 0.1, "self_teacher"), soft_labels=SELF, rkd=SELF)
    every = synthetic_results([centre, labels, control], WORLD)
    return {(result.factor, result.objective): result for result in every}


def test_gain_and_gap_closed_are_paired_over_seeds(results: dict[tuple[str, str], ObjectiveResult]):
    result = results["centre", "soft_labels"]
    paired = stats.ttest_rel(SOFT, BASELINE)
    assert result.gain.value == pytest.approx(0.02)
    assert (result.gain.low, result.gain.high) == pytest.approx(tuple(paired.confidence_interval(0.95)))
    assert result.gain.p == pytest.approx(paired.pvalue)
    assert result.gap_closed is not None
    assert result.gap_closed.value == pytest.approx(0.02 / (WORLD.bayes_student - BASELINE.mean()))
    assert result.teacher == pytest.approx(BASELINE.mean() + 0.1)


def test_a_privileged_gain_is_what_the_self_teacher_does_not_give(results: dict[tuple[str, str], ObjectiveResult]):
    effect = results["centre", "soft_labels"].privileged_gain
    assert effect is not None
    assert effect.value == pytest.approx((SOFT - SELF).mean())
    assert effect.p == pytest.approx(stats.ttest_rel(SOFT, SELF).pvalue)
    assert results["labels", "soft_labels"].privileged_gain is None


def test_objectives_are_compared_with_soft_labels_at_the_centre_alone(
    results: dict[tuple[str, str], ObjectiveResult],
):
    effect = results["centre", "rkd"].against_soft_labels
    assert effect is not None
    assert effect.value == pytest.approx((RKD - SOFT).mean())
    assert results["centre", "soft_labels"].against_soft_labels is None
    assert results["labels", "rkd"].against_soft_labels is None


def test_controls_are_no_looks_at_the_gains(results: dict[tuple[str, str], ObjectiveResult]):
    # Four gains beside the controls: the smallest p-value of them is multiplied by four, however many controls.
    gains = {key: result for key, result in results.items() if key[0] != "control"}
    least = min(gains.values(), key=lambda result: result.gain.p)
    assert least.p_holm == pytest.approx(4 * least.gain.p)
    without = [scores(Condition("centre", 1000, 0.1), soft_labels=SOFT, rkd=RKD)]
    assert all(result.privileged_gain is None for result in synthetic_results(without, WORLD))


def test_a_setting_is_short_enough_for_a_table():
    assert described(SETTINGS["rkd"]) == "ratio 3, weight 1.23, decay 0.3, 50 steps"
