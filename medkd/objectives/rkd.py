"""Relational knowledge distillation (RKD): the teacher's distances and angles between samples."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def rkd_distance(student: Tensor, teacher: Tensor, squared: bool = False, eps: float = 1e-12) -> Tensor:
    """Smooth-L1 between the pairwise distances of both, each divided by its own mean over distinct pairs.

    The value is the mean over B² entries.

    Args:
        student, teacher: "batch dim"; the widths may differ; the teacher gets no gradient.
        squared: compare squared distances.
        eps: smallest squared distance of two samples.

    Source: Park et al. 2019, arXiv:1904.05068, eqs. 4-6, averaged over all pairs.

    >>> x = torch.tensor([[0.0], [1.0], [3.0]])
    >>> bool(rkd_distance(5 * x, x) < 1e-9)
    True
    """
    return functional.smooth_l1_loss(
        _distances(_gram(student), squared, eps), _distances(_gram(teacher.detach()), squared, eps)
    )


@full_precision
def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth-L1 between the cosines of the angles that every two samples make seen from a third; mean over B³ entries.

    The cosine at i between j and k is ``(G_jk - G_ij - G_ik + G_ii) / (d_ij d_ik)`` with the Gram matrix G: no "batch
    batch dim" tensor of differences is made. It is zero where two of the three coincide, and so is its gradient.

    Args:
        student, teacher: "batch dim"; the widths may differ; the teacher gets no gradient.

    Source: Park et al. 2019, arXiv:1904.05068, eqs. 7-8, averaged over all triples.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> bool(rkd_angle(5 * x, x) < 1e-9)
    True
    """
    return functional.smooth_l1_loss(_angles(_gram(student)), _angles(_gram(teacher.detach())))


def _gram(features: Tensor) -> Tensor:
    """Inner products around the batch's mean: distances and angles do not depend on it, their rounding errors do."""
    flat = features.flatten(1)
    centred = flat - flat.detach().mean(dim=0)
    return centred @ centred.T


def _squared_distances(gram: Tensor) -> Tensor:
    """Squared distances, exactly zero where they are within the rounding error of a difference of squares."""
    norms = gram.diagonal()
    sums = norms[:, None] + norms[None, :]
    squares = sums - 2 * gram
    return torch.where(squares > 4 * torch.finfo(gram.dtype).eps * sums, squares, 0)


def _distances(gram: Tensor, squared: bool, eps: float) -> Tensor:
    clamped = _squared_distances(gram).clamp(min=eps)
    distances = clamped if squared else clamped.sqrt()
    distances = distances.masked_fill(torch.eye(len(gram), dtype=torch.bool, device=gram.device), 0)
    pairs = max(len(gram) * (len(gram) - 1), 1)
    return distances / (distances.sum() / pairs).clamp(min=eps)


def _angles(gram: Tensor) -> Tensor:
    squares = _squared_distances(gram)
    apart = squares > 0
    inverse = torch.where(apart, torch.where(apart, squares, 1).rsqrt(), 0)
    products = gram[None] - gram[:, :, None] - gram[:, None, :] + gram.diagonal()[:, None, None]
    return products * inverse[:, :, None] * inverse[:, None, :]


class RKD(Objective):
    """Keep the teacher's distances (up to scale) and angles between the samples of a batch.

    The embeddings need not have the same width. Distances need two samples, angles three: smaller batches
    give zero.

    Args:
        distance_weight, angle_weight: of the two terms; one of weight 0 is left out.
        squared: compare squared distances.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Terms: ``rkd_d`` and ``rkd_a``, dimensionless, weighted.

    Raises:
        InputError: both weights are zero, or one is negative.

    Source: Park et al. 2019, Relational Knowledge Distillation, arXiv:1904.05068.
    """

    method: ClassVar[str] = "RKD"
    source: ClassVar[str] = "Park et al. 2019, arXiv:1904.05068"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(
        self, distance_weight: float = 25.0, angle_weight: float = 50.0, squared: bool = False, teacher: str = ""
    ) -> None:
        super().__init__(teacher)
        if min(distance_weight, angle_weight) < 0 or distance_weight == angle_weight == 0:
            raise InputError(
                f"distance_weight {distance_weight:g} and angle_weight {angle_weight:g} leave nothing to match",
                where="RKD",
                remedy="Give at least one above 0, none below; 25 and 50 are the authors'",
            )
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight
        self.squared = squared

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``rkd_d`` and ``rkd_a``."""
        s, t = student.embedding, teacher.embedding
        terms: dict[str, Tensor] = {}
        if self.distance_weight:
            terms["rkd_d"] = self.distance_weight * rkd_distance(s, t, self.squared)
        if self.angle_weight:
            terms["rkd_a"] = self.angle_weight * rkd_angle(s, t)
        return terms
