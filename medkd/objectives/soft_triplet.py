"""Soft-margin triplet: nearer to the own teacher's embedding than to those of samples with another label."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective


@full_precision
def soft_triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """ln(1 + exp(|a - p| - |a - n| + margin)) of Euclidean distances: never zero, however far apart; "...".

    Args:
        anchor, positive, negative: "... dim", broadcast; all get a gradient.
        margin: how much nearer the positive should be, in units of the embedding.

    Source: Chiumento et al. 2026, arXiv:2604.12574, whose release computes a hinge instead; the soft margin: Hermans
    et al. 2017, arXiv:1703.07737.

    >>> soft_triplet(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), margin=5.0)
    tensor([0.6931])
    """
    return functional.softplus(_distance(anchor - positive) - _distance(anchor - negative) + margin)


def _distance(difference: Tensor) -> Tensor:
    """The length of a vector, whose gradient at zero is zero."""
    distance: Tensor = torch.linalg.vector_norm(difference, dim=-1)
    return distance


class SoftTriplet(ProjectedObjective):
    """Be nearer to the own teacher's embedding than to those of samples whose label differs.

    Every labelled sample of the batch whose label is known to differ is a negative (the release takes any sample whose
    continuous marker differs by 5, be its label the same); an anchor without a negative counts nothing. Memory grows
    with batch² · dim.

    Args:
        student_dim, teacher_dim: widths of the embeddings; the student's is projected linearly.
        margin: how much nearer, in units of the teacher's embedding.
        least_difference: how much a label must differ, in the target's units; for classes anything below 1 will do.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``triplet``, in units of the teacher's embedding.

    Raises:
        InputError: the least difference is not above zero, or an embedding is missing or has another width.

    Source: Chiumento et al. 2026, arXiv:2604.12574.
    """

    method: ClassVar[str] = "Soft-margin triplet"
    source: ClassVar[str] = "Chiumento et al. 2026, arXiv:2604.12574; Hermans et al. 2017, arXiv:1703.07737"

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        margin: float = 1.0,
        least_difference: float = 0.5,
        teacher: str = "",
    ) -> None:
        super().__init__(student_dim, teacher_dim, teacher=teacher)
        if not least_difference > 0:
            what = f"least_difference is {least_difference}, it must be above 0"
            raise InputError(what, where="SoftTriplet", remedy="0.5 suits classes")
        self.margin = margin
        self.least_difference = least_difference

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``triplet``."""
        known = batch.labelled[:, None, :] & batch.labelled[None, :, :]
        differ = (batch.targets[:, None, :] - batch.targets[None, :, :]).abs() >= self.least_difference
        negative = (known & differ).any(dim=2)
        losses = soft_triplet(student[:, None], teacher[:, None], teacher[None], self.margin)
        count = negative.sum(dim=1)
        mean = torch.where(negative, losses, 0).sum(dim=1) / count.clamp(min=1)
        return {"triplet": mean.sum() / (count > 0).sum().clamp(min=1)}
