"""The design of the benchmark: conditions that vary one factor at a time around one centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medkd.benchmark.teachers import CONTROLS, Teacher

CENTRE, SAMPLES, LABELS, TEACHER, CONTROL = "centre", "samples", "labels", "teacher", "control"
"""Factors of the design."""


@dataclass(frozen=True)
class Condition:
    """One training size, label fraction and teacher under which every objective is measured.

    Args:
        factor: the factor that is varied, or "centre".
        samples: training pairs; 0 where the cohort decides.
        label_fraction: share of them that keep their label.
        teacher: the kind of teacher.
    """

    factor: str
    samples: int
    label_fraction: float
    teacher: Teacher = "out_of_fold"

    @property
    def level(self) -> str:
        """The factor's level as text.

        >>> Condition("labels", 1000, 0.05).level
        '5 %'
        """
        if self.factor == SAMPLES:
            return f"{self.samples:,}"
        if self.factor == LABELS:
            return f"{100 * self.label_fraction:g} %"
        if self.factor == CENTRE:
            size = f"{self.samples:,} pairs, " if self.samples else ""
            return f"{size}{100 * self.label_fraction:g} % labelled, out of fold"
        words = self.teacher.replace("_", " ")
        return f"{words}, all labelled" if self.factor == TEACHER and self.label_fraction == 1 else words

    @property
    def name(self) -> str:
        """As part of a file name."""
        return f"{self.factor}-{self.samples}-{self.label_fraction:g}-{self.teacher}"


def design(
    centre: Condition,
    samples: Sequence[int] = (),
    label_fractions: Sequence[float] = (),
    in_sample: Sequence[float] = (),
) -> list[Condition]:
    """The centre, then each factor's other levels, the controls last.

    Args:
        centre: the condition around which one factor at a time is varied.
        samples: other sizes.
        label_fractions: other label fractions.
        in_sample: label fractions at which the teacher's outputs are those on its own training samples. One that is not
            the centre's varies two factors, and is to be compared with the out-of-fold teacher at that fraction.
    """
    return [
        centre,
        *(replace(centre, factor=SAMPLES, samples=size) for size in samples),
        *(replace(centre, factor=LABELS, label_fraction=fraction) for fraction in label_fractions),
        *(replace(centre, factor=TEACHER, label_fraction=fraction, teacher="in_sample") for fraction in in_sample),
        *(replace(centre, factor=CONTROL, teacher=control) for control in CONTROLS),
    ]
