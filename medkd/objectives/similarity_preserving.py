"""Similarity preserving (SP): samples similar to the teacher are similar to the student."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def similarity_preserving(student: Tensor, teacher: Tensor, eps: float = 1e-6) -> Tensor:
    """Squared difference of the two row-normalised Gram matrices, mean over their B² entries.

    The teacher gets no gradient.

    Args:
        student, teacher: "batch ...", flattened to "batch dim"; the widths may differ.
        eps: rows of a Gram matrix with a norm below it are divided by it. The authors' 1e-12 gives the gradient of a
            zero row a factor 1e12, which one dead embedding turns into a ruined step.

    Source: Tung and Mori 2019, arXiv:1907.09682, eqs. 2-4.

    >>> import torch
    >>> similarity_preserving(torch.eye(2), torch.eye(2))
    tensor(0.)
    """
    return functional.mse_loss(_similarity(student, eps), _similarity(teacher.detach(), eps))


def _similarity(features: Tensor, eps: float) -> Tensor:
    flat = features.flatten(1)
    return functional.normalize(flat @ flat.T, dim=1, eps=eps)


class SimilarityPreserving(Objective):
    """Keep similar what the teacher finds similar.

    The term is mean (G_t - G_s)², with G the row-normalised Gram matrix of a batch's embeddings.

    The embeddings need not have the same width, and nothing is learned beside the student. It needs at least two
    samples: a batch of one gives zero.

    Args:
        eps: smallest norm of a row.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``sp``, dimensionless (the paper's weight is about 3000).

    Source: Tung and Mori 2019, arXiv:1907.09682.
    """

    method: ClassVar[str] = "SP"
    source: ClassVar[str] = "Tung and Mori 2019, arXiv:1907.09682"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, eps: float = 1e-6, teacher: str = "") -> None:
        super().__init__(teacher)
        self.eps = eps

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``sp``."""
        s, t = student.embedding, teacher.embedding
        return {"sp": similarity_preserving(s, t, self.eps)}
