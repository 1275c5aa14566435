"""Embedding cosine: the direction of the teacher's embedding."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective

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


class EmbeddingCosine(ProjectedObjective):
    """Match the direction of the teacher's embedding, after a learned projection of the student's.

    The term is the mean of 1 - cos(Ws + b, t).

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``embedding_cosine``, dimensionless, 0 to 2.

    Raises:
        InputError: an embedding is missing, or has another width.
    """

    method: ClassVar[str] = "Embedding cosine"
    source: ClassVar[str] = "classic"

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``embedding_cosine``."""
        return {"embedding_cosine": embedding_cosine(student, teacher)}
