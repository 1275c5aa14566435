"""What every objective is called with, and what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest


class Objective(nn.Module):
    """A loss between a student's output and its teachers'.

    State lives in buffers and changes in ``update``, not in ``forward``.

    Labels: ``batch.targets`` is 0 where ``batch.labelled`` is False. What reads labels masks by ``labelled`` and
    divides by ``labelled.sum().clamp(min=1)``; what does not, counts every sample. The docstring says whether
    unlabelled samples count. Logits, embeddings and targets hold no NaN.

    Args:
        teacher: which teacher it listens to, where the recipe has several; "" is the only one. Subclasses pass it on.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields of ``Output`` that it reads from the student."""
    needs_teacher: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields that it reads from the teacher. A bank keeps these alone, of ``logits`` and ``embedding``.

    Anything else needs a live
    teacher. Empty: it needs none."""
    needs_alignment: ClassVar[bool] = False
    """Whether teacher and student must see the same augmentation; then the teacher runs live."""
    hears_all: ClassVar[bool] = False
    """Whether it listens to every teacher at once (``hear_all``), not to one."""
    example: ClassVar[Mapping[str, Any]] = {}
    """Arguments without a default, for a step of three classes, whose student has embeddings of width 6 and whose teacher of width 9.
    ``student_dim``, ``teacher_dim`` and ``classes`` need not stand here."""

    def __init__(self, teacher: str = "") -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """Terms by the names of the paper, each a float32 scalar, weights within the objective included.

        Their sum is its value.
        """
        raise NotImplementedError

    def check(self, target: Target) -> None:
        """Raise ``InputError`` where it cannot be used with ``target``: called before anything is fitted.

        By default all will do.
        """

    def update(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> None:
        """Change the state in buffers (memories, running means) after the optimiser's step."""

    def hear(self, teachers: Mapping[str, Output]) -> Output:
        """The teacher that it listens to.

        Raises:
            InputError: there is none of that name, or several and none was named.
        """
        if self.teacher:
            if self.teacher not in teachers:
                raise InputError(
                    f"no teacher '{self.teacher}'", where=type(self).__name__, remedy=nearest(self.teacher, teachers)
                )
            return teachers[self.teacher]
        if len(teachers) != 1:
            raise InputError(
                f"{type(self).__name__} hears {len(teachers)} teachers",
                remedy=f"Set its teacher: {', '.join(teachers)}",
            )
        return next(iter(teachers.values()))

    def hear_all(self, teachers: Mapping[str, Output]) -> Mapping[str, Output]:
        """Every teacher, by name, for an objective that weighs several.

        Raises:
            InputError: there is none.
        """
        if not teachers:
            raise InputError(f"{type(self).__name__} hears 0 teachers", remedy="Set banks or teachers")
        return teachers
