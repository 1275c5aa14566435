"""The design: one factor varied at a time around one centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medkd.benchmark.teachers import CONTROLS, Teacher

CENTRE, SAMPLES, LABELS, TEACHER, CONTROL = "centre", "samples", "labels", "teacher", "control"
"""Factors: what is varied in a cell."""


@dataclass(frozen=True)
class Cell:
    """One setting in which every objective is measured.

    Args:
        factor: what is varied, or "centre".
        samples: training pairs; 0 where the cohort decides.
        label_fraction: share of them that keep their label.
        teacher: who speaks.
    """

    factor: str
    samples: int
    label_fraction: float
    teacher: Teacher = "out_of_fold"

    @property
    def level(self) -> str:
        """What the factor is here, in words.

        >>> Cell("labels", 1000, 0.05).level
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
        """For a file."""
        return f"{self.factor}-{self.samples}-{self.label_fraction:g}-{self.teacher}"


def design(
    centre: Cell, samples: Sequence[int] = (), label_fractions: Sequence[float] = (), in_sample: Sequence[float] = ()
) -> list[Cell]:
    """The centre, then each factor's other levels, the controls last.

    Args:
        centre: around which one factor at a time is varied.
        samples: other sizes.
        label_fractions: other label fractions.
        in_sample: shares of labels at which the teacher is asked about samples that it was trained on. One that is not
            the centre's varies two factors: it is to be held against the out-of-fold teacher at that share.
    """
    return [
        centre,
        *(replace(centre, factor=SAMPLES, samples=size) for size in samples),
        *(replace(centre, factor=LABELS, label_fraction=share) for share in label_fractions),
        *(replace(centre, factor=TEACHER, label_fraction=share, teacher="in_sample") for share in in_sample),
        *(replace(centre, factor=CONTROL, teacher=control) for control in CONTROLS),
    ]
