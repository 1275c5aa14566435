"""Rank consistency (RankByGene): the teacher's order of which sample is more like which."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def rank_consistency(student: Tensor, teacher: Tensor) -> Tensor:
    """For each sample and every two others: max(0, |Δt| - sign(Δt) Δs), Δ the difference of the cosines to the two.

    The value is the mean over them.

    Zero where the student has each pair in the teacher's order, at least as far apart; an order reversed costs both
    gaps, and a student for which all are alike pays every gap of the teacher. A batch of fewer than three has no such
    pair, and gives zero.

    Args:
        student, teacher: embeddings "batch dim"; the widths may differ; the teacher gets no gradient.

    Source: after Huang et al., RankByGene, arXiv:2411.15076, whose text asks for this and whose release is blind to the
    order. Pairs share a sample (the release compares across samples), self-similarities are left out.

    >>> t = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> bool(rank_consistency(t, t) == 0), bool(rank_consistency(torch.ones(3, 2), t) > 0)
    (True, True)
    """
    s, t = _cosines(student), _cosines(teacher.detach())
    eye = torch.eye(len(s), dtype=torch.bool, device=s.device)
    apart = ~(eye[:, :, None] | eye[:, None, :] | eye[None, :, :])
    ds, dt = s[:, :, None] - s[:, None, :], t[:, :, None] - t[:, None, :]
    penalty = (dt.abs() - dt.sign() * ds).relu()
    return torch.where(apart, penalty, 0).sum() / apart.sum().clamp(min=1)


def _cosines(embedding: Tensor) -> Tensor:
    unit = functional.normalize(embedding, dim=1, eps=EPS)
    return unit @ unit.T


class RankConsistency(Objective):
    """Keep the teacher's order of similarities: which of two samples a third is more like.

    The embeddings need not have the same width. Memory grows with the cube of the batch.

    Args:
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``rank``, dimensionless.

    Source: Huang et al., RankByGene, arXiv:2411.15076.
    """

    method: ClassVar[str] = "RankByGene"
    source: ClassVar[str] = "after Huang et al. 2024, arXiv:2411.15076"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``rank``."""
        return {"rank": rank_consistency(student.embedding, teacher.embedding)}
