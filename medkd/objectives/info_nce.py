"""InfoNCE: the own teacher's embedding against those of the whole batch."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def info_nce(query: Tensor, key: Tensor, temperature: float = 0.1, symmetric: bool = False, eps: float = EPS) -> Tensor:
    """Mean over i of -ln softmax_j(cos(q_i, k_j) / T) at j = i, in nats.

    Row i of the keys is the answer to row i of the queries.

    Args:
        query, key: "batch dim"; both get a gradient.
        temperature: T > 0, dimensionless.
        symmetric: the mean of both directions.
        eps: smallest norm.

    Source: van den Oord et al. 2018, arXiv:1807.03748, eq. 4; both directions: Radford et al. 2021, arXiv:2103.00020.

    >>> import torch
    >>> info_nce(torch.eye(2), torch.eye(2), temperature=1.0)
    tensor(0.3133)
    """
    q, k = functional.normalize(query, dim=1, eps=eps), functional.normalize(key, dim=1, eps=eps)
    logits = q @ k.T / temperature
    forth = logits.logsumexp(dim=1) - logits.diagonal()
    if not symmetric:
        return forth.mean()
    return 0.5 * (forth + logits.logsumexp(dim=0) - logits.diagonal()).mean()


class InfoNCE(ProjectedObjective):
    """Find the own teacher's embedding among those of the batch, after a learned projection of the student's.

    Every other sample of the batch is a wrong answer, another of the same subject too. A batch of one gives zero.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        temperature: T > 0, dimensionless.
        symmetric: also find the student's among all students'.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``info_nce``, in nats, ln(batch) where nothing is distinguished.

    Raises:
        InputError: the temperature is not above zero, or an embedding is missing or has another width.

    Source: van den Oord et al. 2018, arXiv:1807.03748; RankByGene, arXiv:2411.15076, uses one direction at 0.1.
    """

    method: ClassVar[str] = "InfoNCE"
    source: ClassVar[str] = "van den Oord et al. 2018, arXiv:1807.03748"

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        temperature: float = 0.1,
        symmetric: bool = False,
        hidden: int = 0,
        teacher: str = "",
    ) -> None:
        super().__init__(student_dim, teacher_dim, hidden, teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="InfoNCE", remedy="0.1 is a common choice"
            )
        self.temperature = temperature
        self.symmetric = symmetric

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``info_nce``."""
        return {"info_nce": info_nce(student, teacher, self.temperature, self.symmetric)}
