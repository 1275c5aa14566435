"""Match the direction of the teacher's embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.networks.projector import Projector
from medkd.objectives.needed import projected_pair
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def embedding_cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine between two embeddings "batch dim", mean over the batch; the teacher gets no gradient.

    >>> import torch
    >>> embedding_cosine(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
    tensor(1.)
    """
    s = functional.normalize(student, dim=1, eps=EPS)
    t = functional.normalize(teacher.detach(), dim=1, eps=EPS)
    return 1 - (s * t).sum(dim=1).mean()


class EmbeddingCosine(Objective):
    """Match the direction of the teacher's embedding, after a learned projection of the student's.

    Mean of 1 - cos(Ws + b, t).

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: which teacher it hears; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``embedding_cosine``, dimensionless, 0 to 2.

    Raises:
        InputError: an embedding is missing, or has another width.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, student_dim: int, teacher_dim: int, hidden: int = 0, teacher: str = "") -> None:
        super().__init__(teacher)
        self.projector = Projector(student_dim, teacher_dim, hidden)

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``embedding_cosine``."""
        s, t = projected_pair(student, self.hear(teachers), self.projector, self)
        return {"embedding_cosine": embedding_cosine(s, t)}
