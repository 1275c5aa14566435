"""Gains of the synthetic cells: paired over seeds, and as shares of what the best student would gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medkd.benchmark.condition import CENTRE
from medkd.benchmark.experiment import SOLO, TEACHER, Choice
from medkd.benchmark.results import Estimate, Finding, corrected, paired, share_of
from medkd.benchmark.synthetic_run import Measured
from medkd.benchmark.synthetic_world import Family
from medkd.evidence.statistics.metrics import Array

SOFT, SELF = "soft_labels", "self_teacher"


def synthetic_findings(measured: Sequence[Measured], family: Family) -> list[Finding]:
    """Every objective in every cell.

    Gap closed is mean gain over the mean of (best student - baseline). A privileged gain is the gain at the centre less the
    gain of the same objective, at the same setting, with a teacher that sees the student's view alone.
    """
    centre = next(one for one in measured if one.cell.factor == CENTRE)
    own = next((one for one in measured if one.cell.teacher == SELF), None)
    findings = []
    for one in measured:
        baseline = np.array(one.aurocs[SOLO])
        for name, values in one.aurocs.items():
            if name in (SOLO, TEACHER):
                continue
            student = np.array(values)
            findings.append(
                Finding(
                    factor=one.cell.factor,
                    level=one.cell.level,
                    objective=name,
                    baseline=float(baseline.mean()),
                    student=float(student.mean()),
                    teacher=float(np.mean(one.aurocs[TEACHER])),
                    gain=paired(student - baseline),
                    closed=share_of(student - baseline, family.bayes_student - baseline),
                    privileged=paired(student - np.array(own.aurocs[name])) if own and one is centre else None,
                    against_soft=_against(student, one.aurocs, name) if one is centre else None,
                    setting=in_words(one.choices[name]),
                )
            )
    return corrected(findings)


def in_words(choice: Choice) -> str:
    """A setting for a table."""
    return f"ratio {choice.ratio:g}, weight {choice.weight:.3g}, decay {choice.decay:g}, {choice.steps} steps"


def _against(student: Array, aurocs: dict[str, list[float]], name: str) -> Estimate | None:
    return paired(student - np.array(aurocs[SOFT])) if SOFT in aurocs and name != SOFT else None
