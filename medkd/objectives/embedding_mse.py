"""Match the teacher's embedding, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.networks.projector import Projector
from medkd.objectives.needed import projected_pair
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision


@full_precision
def embedding_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared difference of two embeddings "batch dim", mean over both axes; the teacher gets no gradient.

    >>> import torch
    >>> embedding_mse(torch.zeros(2, 3), torch.ones(2, 3))
    tensor(1.)
    """
    return (student - teacher.detach()).square().mean()


class EmbeddingMse(Objective):
    """Match the teacher's embedding by squared error, after a learned projection of the student's: mean (Ws + b - t)².

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: which teacher it hears; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``embedding_mse``, in the teacher's units, squared.

    Raises:
        InputError: an embedding is missing, or has another width.

    Source: Romero et al. 2015, FitNets, arXiv:1412.6550, eq. 3 (there over feature maps, summed and halved).
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, student_dim: int, teacher_dim: int, hidden: int = 0, teacher: str = "") -> None:
        super().__init__(teacher)
        self.projector = Projector(student_dim, teacher_dim, hidden)

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``embedding_mse``."""
        s, t = projected_pair(student, self.hear(teachers), self.projector, self)
        return {"embedding_mse": embedding_mse(s, t)}
