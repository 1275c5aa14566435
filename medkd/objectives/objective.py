"""What every objective is called with, and what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from medkd.data.batch import Batch
from medkd.data.output import Output
from medkd.errors import InputError, nearest


class Objective(nn.Module):
    """A loss between a student's output and its teachers'. State lives in buffers and changes in ``update``, not in ``forward``.

    Args:
        teacher: which teacher it listens to, where the recipe has several; "" is the only one.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields of ``Output`` that it reads from the student."""
    needs_teacher: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields that it reads from the teacher: the bank keeps only these. Empty: it needs no teacher."""
    needs_alignment: ClassVar[bool] = False
    """Whether teacher and student must see the same augmentation; then the teacher runs live."""
    hears_all: ClassVar[bool] = False
    """Whether it listens to every teacher at once (``hear_all``), not to one."""

    def __init__(self, teacher: str = "") -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """Terms by the names of the paper, each a scalar; their sum is the objective's value."""
        raise NotImplementedError

    def update(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> None:
        """Change the state in buffers (memories, running means) after the optimiser's step."""

    def hear(self, teachers: Mapping[str, Output]) -> Output:
        """The teacher that it listens to.

        Raises:
            InputError: there is none of that name, or several and none was named.
        """
        if self.teacher:
            if self.teacher not in teachers:
                raise InputError(f"no teacher '{self.teacher}'", where=type(self).__name__, remedy=nearest(self.teacher, teachers))
            return teachers[self.teacher]
        if len(teachers) != 1:
            raise InputError(f"{type(self).__name__} hears {len(teachers)} teachers", remedy=f"Set its teacher: {', '.join(teachers)}")
        return next(iter(teachers.values()))

    def hear_all(self, teachers: Mapping[str, Output]) -> Mapping[str, Output]:
        """Every teacher, by name, for an objective that weighs several.

        Raises:
            InputError: there is none.
        """
        if not teachers:
            raise InputError(f"{type(self).__name__} hears 0 teachers", remedy="Set banks or teachers")
        return teachers
