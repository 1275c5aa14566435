"""Control students.

Taught like the student, by teachers that know nothing which the student's own view does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medkd.evidence.statistics.bootstrap import Replicates

CONTROLS: dict[str, str] = {
    "self_teacher": "taught by a teacher that sees only the student's own view (self-training)",
    "label_only_teacher": "taught by a teacher that knows the label and nothing else",
    "shuffled_teacher": "taught by the teacher's answers about other samples",
}
"""Arm → what it is. A gain that a control also shows is no merit of the teacher's extra modalities."""


def control_gains(arms: Mapping[str, Replicates], sign: float, confidence: float) -> dict[str, dict[str, Any]]:
    """Gain of each control student over baseline, for the controls that were run.

    Shown beside the gain, never subtracted from it.
    """
    return {
        name: {"gain": arms[name].minus(arms["baseline"], sign).interval(confidence)}
        for name in CONTROLS
        if name in arms
    }
