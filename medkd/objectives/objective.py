"""Objective: the base class of every loss between a student's output and its teachers'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError, nearest
from medkd.objectives.output_fields import Fields, check_same_shape


class Objective(nn.Module):
    """A loss between a student's output and its teachers'.

    A subclass declares what it needs and computes ``terms`` from exactly that: fields are fetched, compared and
    checked here, once. State is kept in buffers and changes in ``remember``, not in ``terms``.

    Labels: ``batch.targets`` is 0 where ``batch.labelled`` is False. A loss that reads labels masks by ``labelled``
    and divides by ``labelled.sum().clamp(min=1)``; any other counts every sample. The docstring states whether
    unlabelled samples count. Logits, embeddings and targets hold no NaN.

    Args:
        teacher: name of the teacher it uses, where the recipe has several; "" is the only one. Subclasses pass it on.
    """

    method: ClassVar[str] = ""
    """The name that the field knows it by, for instance "RKD"."""
    source: ClassVar[str] = ""
    """Authors, year and identifier of its publication; "classic" or "ours" where there is none."""
    needs_student: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields of ``Output`` that it reads from the student."""
    needs_teacher: ClassVar[tuple[str, ...]] = ("logits",)
    """Fields that it reads from the teacher; empty where it needs none.

    A bank keeps ``logits`` and ``embedding`` alone: any other field needs a teacher that runs live.
    """
    same_shape: ClassVar[tuple[str, ...]] = ()
    """Fields whose shapes must agree between student and teacher."""
    needs_alignment: ClassVar[bool] = False
    """Whether teacher and student must see the same augmentation; then the teacher runs live."""
    needs_probabilities: ClassVar[bool] = False
    """Whether a target whose logits are values, a regression or a forecast, is refused."""
    uses_all_teachers: ClassVar[bool] = False
    """Whether it uses every teacher at once, in ``terms_of_all``, not one."""
    example: ClassVar[Mapping[str, Any]] = {}
    """Arguments without a default, for the contract test's step.

    It has three classes; the student's embedding has width 6, the teacher's 9. ``student_dim``, ``teacher_dim`` and
    ``classes`` are known there.
    """

    def __init__(self, teacher: str = "") -> None:
        super().__init__()
        self.teacher = teacher

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """Terms by the names of the paper, each a float32 scalar, weights within the objective included.

        Their sum is the objective's value.
        """
        raise NotImplementedError

    def terms_of_all(self, student: Fields, teachers: Mapping[str, Fields], batch: Batch) -> dict[str, Tensor]:
        """The terms from several teachers by name; by default ``terms`` of the only one that is used."""
        return self.terms(student, self._first(teachers), batch)

    def remember(self, student: Fields, teacher: Fields, batch: Batch) -> None:
        """Change the state in buffers (memories, running means) after the optimiser's step."""

    def check(self, target: Target) -> None:
        """Raise ``InputError`` where it cannot be used with ``target``: called before anything is fitted, and at steps.

        By default every target will do, unless ``needs_probabilities``.
        """
        if self.needs_probabilities and target.kind in ("regression", "forecast"):
            raise InputError(
                f"target '{target.key}' is a {target.kind}, it has no probabilities",
                where=type(self).__name__,
                remedy="Match embeddings instead, for example with EmbeddingMse",
            )

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The terms of a step, from whole outputs.

        Args:
            student: of the network that is trained.
            teachers: by name, banked or live; those that it does not use may be among them.
            batch: of the step.

        Raises:
            InputError: the target is refused, a teacher or a field is missing, or shapes differ.
        """
        self.check(batch.target)
        return self.terms_of_all(self._student(student), self._used(student, teachers), batch)

    def update(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> None:
        """Let it ``remember`` a step, after the optimiser's; arguments as for ``forward``."""
        self.remember(self._student(student), self._first(self._used(student, teachers)), batch)

    def teacher_names(self, teachers: Mapping[str, object]) -> list[str]:
        """Names of the teachers that it uses; of one that uses a single teacher, that one first.

        Raises:
            InputError: there is none of its name, or several and none was named.
        """
        name = type(self).__name__
        if not self.needs_teacher:
            return []
        if self.uses_all_teachers:
            if not teachers:
                raise InputError(f"{name} uses all teachers, there are 0", remedy="Set banks or teachers")
            return list(teachers)
        if self.teacher:
            if self.teacher not in teachers:
                raise InputError(f"no teacher '{self.teacher}'", where=name, remedy=nearest(self.teacher, teachers))
            return [self.teacher]
        if len(teachers) != 1:
            raise InputError(
                f"{name} uses one teacher, there are {len(teachers)}", remedy=f"Set its teacher: {', '.join(teachers)}"
            )
        return list(teachers)

    def _student(self, output: Output) -> Fields:
        return Fields(output, self.needs_student, "student", type(self).__name__)

    def _used(self, student: Output, teachers: Mapping[str, Output]) -> dict[str, Fields]:
        used = {name: teachers[name] for name in self.teacher_names(teachers)}
        fields = {
            name: Fields(output, self.needs_teacher, "teacher", type(self).__name__) for name, output in used.items()
        }
        for output in used.values():
            for field in self.same_shape:
                check_same_shape(getattr(student, field), getattr(output, field), field, self)
        return fields

    def _first(self, teachers: Mapping[str, Fields]) -> Fields:
        return next(iter(teachers.values()), Fields(None, (), "teacher", type(self).__name__))
