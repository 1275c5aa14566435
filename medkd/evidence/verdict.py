"""The verdict: the values it can have, the rule that gives it, and the sentence that states it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from medkd.evidence.statistics.metrics import Metric

Interval = Mapping[str, float | None]


class Verdict(StrEnum):
    """What follows from a comparison; each value carries the words that the report, its page and the card show.

    A verdict is added here alone: report.schema.json is generated from this class, and the pages' colours too.

    Attributes:
        label: heading of the page.
        conclusion: end of the report's sentence; "" where the sentence gives its reason instead.
        meaning: on the model card, after "that is:".
        accent: colour of the heading, "#rrggbb".
        wash: colour behind the heading.

    >>> Verdict("helps").label
    'The teacher helps'
    """

    label: str
    conclusion: str
    meaning: str
    accent: str
    wash: str

    HELPS = (
        "helps",
        "The teacher helps",
        "the teacher helps, and by more than self-training does",
        "the student is better than the baseline, and than a student that taught itself: both intervals lie above 0",
        "#047857",
        "#ecfdf5",
    )
    REGULARISES_ONLY = (
        "regularises only",
        "Regularises only",
        "being taught helps, but it is not shown that what the teacher sees beyond the student's own view is the "
        "reason",
        "the student is better than the baseline, but not clearly better than a student that taught itself",
        "#0369a1",
        "#f0f9ff",
    )
    NO_EVIDENCE = (
        "no evidence",
        "No evidence of help",
        "the interval includes no difference, so there is no evidence that the teacher helps",
        "the interval of the gain includes 0",
        "#475569",
        "#f1f5f9",
    )
    HARMS = (
        "harms",
        "The teacher harms",
        "the teacher harms",
        "the student is worse than the baseline: the interval of the gain lies below 0",
        "#b91c1c",
        "#fef2f2",
    )
    INVALID = (
        "invalid",
        "Not a valid comparison",
        "",
        "the leak audit failed or was not made, or the run was too short to count",
        "#b45309",
        "#fffbeb",
    )

    def __new__(
        cls, value: str, label: str = "", conclusion: str = "", meaning: str = "", accent: str = "", wash: str = ""
    ) -> Verdict:
        """A string that carries its words; defaults only let type checkers accept ``Verdict("helps")``."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label, member.conclusion, member.meaning = label, conclusion, meaning
        member.accent, member.wash = accent, wash
        return member

    @property
    def css_class(self) -> str:
        """As the pages' style sheet names it.

        >>> Verdict.NO_EVIDENCE.css_class
        'no-evidence'
        """
        return self.value.replace(" ", "-")


def verdict(gain: Interval, privileged_gain: Interval | None, *, audit_passed: bool, fast: bool = False) -> Verdict:
    """The verdict that follows from the intervals.

    *helps*: the intervals of gain and privileged gain both lie above zero. *regularises only*: that of the gain alone
    does. *harms*: the interval of the gain lies below zero. *invalid*: the leak audit failed, or it was a ``--fast``
    run. Else *no evidence*.

    >>> str(verdict({"low": 0.01, "high": 0.05}, {"low": -0.01, "high": 0.02}, audit_passed=True))
    'regularises only'
    """
    if fast or not audit_passed:
        return Verdict.INVALID
    low, high = gain["low"], gain["high"]
    if low is None or high is None:
        return Verdict.NO_EVIDENCE
    if low > 0:
        privileged = None if privileged_gain is None else privileged_gain["low"]
        return Verdict.HELPS if privileged is not None and privileged > 0 else Verdict.REGULARISES_ONLY
    return Verdict.HARMS if high < 0 else Verdict.NO_EVIDENCE


def sentence(
    comparison: Mapping[str, Any],
    metric: Metric,
    *,
    student_view: str,
    teacher_view: str,
    label_fraction: float,
    confidence: float,
) -> str:
    """One sentence that a clinician can read: what was compared, by how much they differ, and what follows.

    Args:
        comparison: see ``compare``.
        metric: of the values.
        student_view: as in the recipe; "" where unknown.
        teacher_view: as in the recipe; "" where unknown.
        label_fraction: share of training subjects that were labelled.
        confidence: of the intervals.
    """
    student, baseline, gain = comparison["arms"]["student"], comparison["arms"]["baseline"], comparison["gain"]
    if gain["value"] is None:
        return "The test folds hold too few labelled samples of each class to compare anything."
    model = f"the model that sees only {student_view}" if student_view else "the student model"
    teacher = f"a teacher that sees {teacher_view}" if teacher_view else "its teacher"
    labels = "" if label_fraction >= 1 else f" with {label_fraction:.0%} of the training subjects labelled"
    direction = "better" if gain["value"] >= 0 else "worse"
    text = (
        f"Taught by {teacher}{labels}, {model} reached {metric.title} {student['value']:.3f}, "
        f"against {baseline['value']:.3f} for the same model trained alone: {abs(gain['value']):.3f} {direction} "
        f"({confidence:.0%} interval of the difference {gain['low']:+.3f} to {gain['high']:+.3f})"
    )
    conclusion = Verdict(comparison["verdict"]).conclusion
    return f"{text}; {conclusion}." if conclusion else f"{text}."
