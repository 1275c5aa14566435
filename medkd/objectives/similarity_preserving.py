"""Keep similar what the teacher finds similar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.objectives.needed import needed
from medkd.objectives.objective import Objective
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

    >>> similarity_preserving(torch.eye(2), torch.eye(2))
    tensor(0.)
    """
    return functional.mse_loss(_similarity(student, eps), _similarity(teacher.detach(), eps))


def _similarity(features: Tensor, eps: float) -> Tensor:
    flat = features.flatten(1)
    return functional.normalize(flat @ flat.T, dim=1, eps=eps)


class SimilarityPreserving(Objective):
    """Keep similar what the teacher finds similar.

    Mean (G_t - G_s)², G the row-normalised Gram matrix of a batch's embeddings.

    The embeddings need not have the same width, and nothing is learned beside the student. Needs at least two samples
    to say anything: a batch of one gives zero.

    Args:
        eps: smallest norm of a row.
        teacher: which teacher it hears; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``sp``, dimensionless (the paper's weight is about 3000).

    Source: Tung and Mori 2019, arXiv:1907.09682.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, eps: float = 1e-6, teacher: str = "") -> None:
        super().__init__(teacher)
        self.eps = eps

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``sp``."""
        s = needed(student, "embedding", "student", self)
        t = needed(self.hear(teachers), "embedding", "teacher", self)
        return {"sp": similarity_preserving(s, t, self.eps)}


def _sp(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stages = [name[1:] for name in inputs if name.startswith("s")]
    terms = [similarity_preserving(inputs[f"s{stage}"], inputs[f"t{stage}"], eps=1e-12) for stage in stages]
    return {"loss": torch.stack(terms).sum()}


GOLDEN = {"standard/sp": _sp}
