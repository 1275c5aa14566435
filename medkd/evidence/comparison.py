"""Student, baseline, teacher and control students compared at one label fraction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medkd.evidence.statistics.bootstrap import Replicates
from medkd.evidence.verdict import verdict

CONTROLS: dict[str, str] = {
    "self_teacher": "taught by a teacher that sees only the student's own view (self-training)",
    "label_only_teacher": "taught by a teacher that knows the label and nothing else",
    "shuffled_teacher": "taught by the teacher's outputs on other samples",
}
"""Control student → its teacher, which knows nothing beyond the student's own view and the label.

A gain that a control also has is not due to the teacher's extra modalities.
"""


def compare(
    arms: Mapping[str, Replicates], *, sign: float, confidence: float, audit_passed: bool, fast: bool
) -> dict[str, Any]:
    """Arms, gain, privileged gain, gap, gap closed, controls and verdict.

    Every difference is paired, and more is better. gain = student - baseline. privileged_gain = student -
    self_teacher's student, null where that control was not run. gap = teacher - baseline. gap_closed = gain / gap, null
    unless the whole interval of the gap lies above zero: a ratio to a gap that may be zero is meaningless.

    Args:
        arms: replicates by arm, student and baseline among them.
        sign: -1 where less is better.
        confidence: of the intervals.
        audit_passed: see ``verdict``.
        fast: see ``verdict``.
    """
    student, baseline = arms["student"], arms["baseline"]
    gain = student.minus(baseline, sign)
    privileged = student.minus(arms["self_teacher"], sign).interval(confidence) if "self_teacher" in arms else None
    gap = arms["teacher"].minus(baseline, sign) if "teacher" in arms else None
    return {
        "arms": {name: _arm(arms[name], confidence) for name in _ordered(arms)},
        "gain": gain.interval(confidence),
        "privileged_gain": privileged,
        "gap": None if gap is None else gap.interval(confidence),
        "gap_closed": None if gap is None else _closed(gain, gap, confidence),
        "controls": control_gains(arms, sign, confidence),
        "verdict": verdict(gain.interval(confidence), privileged, audit_passed=audit_passed, fast=fast).value,
    }


def control_gains(arms: Mapping[str, Replicates], sign: float, confidence: float) -> dict[str, dict[str, Any]]:
    """Gain of each control student over the baseline, for the controls that were run.

    Shown beside the gain, never subtracted from it.
    """
    return {
        name: {"gain": arms[name].minus(arms["baseline"], sign).interval(confidence)}
        for name in CONTROLS
        if name in arms
    }


def _arm(arm: Replicates, confidence: float) -> dict[str, Any]:
    seeds = [float(value) if np.isfinite(value) else None for value in arm.seeds]
    spread = float(arm.seeds.std(ddof=1)) if len(seeds) > 1 and None not in seeds else None
    return arm.interval(confidence) | {"seeds": seeds, "seed_sd": spread}


def _closed(gain: Replicates, gap: Replicates, confidence: float) -> dict[str, float | None] | None:
    low = gap.interval(confidence)["low"]
    if low is None or low <= 0:
        return None
    ratio = np.divide(gain.values, gap.values, out=np.full_like(gap.values, np.nan), where=gap.values > 0)
    return Replicates(np.array([gain.value / gap.value]), ratio).interval(confidence)


def _ordered(arms: Mapping[str, Replicates]) -> list[str]:
    first = [name for name in ("teacher", "student", "baseline") if name in arms]
    return first + sorted(set(arms) - set(first))
