"""Embedding MSE: the teacher's embedding, entry by entry."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective


@full_precision
def embedding_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared difference of two embeddings "batch dim", mean over both axes; the teacher gets no gradient.

    >>> import torch
    >>> embedding_mse(torch.zeros(2, 3), torch.ones(2, 3))
    tensor(1.)
    """
    return (student - teacher.detach()).square().mean()


class EmbeddingMse(ProjectedObjective):
    """Match the teacher's embedding by squared error, after a learned projection of the student's: mean (Ws + b - t)².

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``embedding_mse``, in the teacher's units, squared.

    Raises:
        InputError: an embedding is missing, or has another width.

    Source: Romero et al. 2015, FitNets, arXiv:1412.6550, eq. 3 (there over feature maps, summed and halved).
    """

    method: ClassVar[str] = "Embedding MSE"
    source: ClassVar[str] = "classic; over feature maps: Romero et al. 2015, arXiv:1412.6550"

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``embedding_mse``."""
        return {"embedding_mse": embedding_mse(student, teacher)}
