"""The verdict in one sentence that a clinician can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medkd.evidence.statistics.metrics import Metric

CONCLUSIONS = {
    "helps": "the teacher helps, and by more than self-training does",
    "regularises only": "being taught helps, but it is not shown that what the teacher sees beyond the student's own view is the reason",
    "no evidence": "the interval includes no difference, so there is no evidence that the teacher helps",
    "harms": "the teacher harms",
}


def sentence(
    found: Mapping[str, Any],
    metric: Metric,
    *,
    student_view: str,
    teacher_view: str,
    label_fraction: float,
    confidence: float,
) -> str:
    """One sentence: what was compared, by how much they differ, and what follows.

    Args:
        found: see ``compare``.
        metric: what the values are.
        student_view, teacher_view: as in the recipe; "" where unknown.
        label_fraction: share of training subjects that were labelled.
        confidence: of the intervals.
    """
    student, baseline, gain = found["arms"]["student"], found["arms"]["baseline"], found["gain"]
    if gain["value"] is None:
        return "The test folds hold too few labelled samples of each class to compare anything."
    who = f"the model that sees only {student_view}" if student_view else "the student model"
    teacher = f"a teacher that sees {teacher_view}" if teacher_view else "its teacher"
    labels = "" if label_fraction >= 1 else f" with {label_fraction:.0%} of the training subjects labelled"
    direction = "better" if gain["value"] >= 0 else "worse"
    text = (
        f"Taught by {teacher}{labels}, {who} reached {metric.title} {student['value']:.3f}, "
        f"against {baseline['value']:.3f} for the same model trained alone: {abs(gain['value']):.3f} {direction} "
        f"({confidence:.0%} interval of the difference {gain['low']:+.3f} to {gain['high']:+.3f})"
    )
    if found["verdict"] == "invalid":
        return text + "."
    return f"{text}; {CONCLUSIONS[found['verdict']]}."
