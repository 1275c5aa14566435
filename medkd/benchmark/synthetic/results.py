"""Results on the synthetic world: gains paired over seeds, and as shares of the best student's gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medkd.benchmark.condition import CENTRE
from medkd.benchmark.experiment import BASELINE, TEACHER, TunedSetting
from medkd.benchmark.results import Effect, ObjectiveResult, corrected, paired, share_of
from medkd.benchmark.synthetic.run import ConditionScores
from medkd.benchmark.synthetic.world import SyntheticWorld
from medkd.evidence.statistics.metrics import Array

SOFT_LABELS, SELF_TEACHER = "soft_labels", "self_teacher"


def synthetic_results(measured: Sequence[ConditionScores], world: SyntheticWorld) -> list[ObjectiveResult]:
    """Every objective in every condition.

    Gap closed is the mean gain over the mean of (best student - baseline). A privileged gain is the gain at the centre
    less the gain of the same objective, at the same setting, with a teacher that sees the student's view alone.
    """
    centre = next(scores for scores in measured if scores.condition.factor == CENTRE)
    self_taught = next((scores for scores in measured if scores.condition.teacher == SELF_TEACHER), None)
    results = []
    for scores in measured:
        baseline = np.array(scores.aurocs[BASELINE])
        for name, values in scores.aurocs.items():
            if name in (BASELINE, TEACHER):
                continue
            student = np.array(values)
            at_centre = scores is centre
            privileged = None
            if self_taught and at_centre:
                privileged = paired(student - np.array(self_taught.aurocs[name]))
            results.append(
                ObjectiveResult(
                    factor=scores.condition.factor,
                    level=scores.condition.level,
                    objective=name,
                    baseline=float(baseline.mean()),
                    student=float(student.mean()),
                    teacher=float(np.mean(scores.aurocs[TEACHER])),
                    gain=paired(student - baseline),
                    gap_closed=share_of(student - baseline, world.bayes_student - baseline),
                    privileged_gain=privileged,
                    against_soft_labels=_against_soft_labels(student, scores.aurocs, name) if at_centre else None,
                    setting=described(scores.settings[name]),
                )
            )
    return corrected(results)


def described(setting: TunedSetting) -> str:
    """A setting as text for a table."""
    return f"ratio {setting.ratio:g}, weight {setting.weight:.3g}, decay {setting.decay:g}, {setting.steps} steps"


def _against_soft_labels(student: Array, aurocs: dict[str, list[float]], name: str) -> Effect | None:
    if SOFT_LABELS not in aurocs or name == SOFT_LABELS:
        return None
    return paired(student - np.array(aurocs[SOFT_LABELS]))
