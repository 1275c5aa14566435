"""Objectives that compare the teacher's embedding with a learned projection of the student's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape


class ProjectedObjective(Objective, ABC):
    """A loss between the student's embedding, brought to the teacher's width, and the teacher's.

    A subclass gives ``compare``.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: name of the teacher it uses; "" is the only one.

    Raises:
        InputError: an embedding is missing, or has another width.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, student_dim: int, teacher_dim: int, hidden: int = 0, teacher: str = "") -> None:
        super().__init__(teacher)
        self.projector = Projector(student_dim, teacher_dim, hidden)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms of ``compare``."""
        projected: Tensor = self.projector(student.embedding)
        check_same_shape(projected, teacher.embedding, "embedding", self)
        return self.compare(projected, teacher.embedding.detach(), batch)

    @abstractmethod
    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The terms, from both embeddings "batch dim" in the teacher's width; the teacher's has no gradient."""
