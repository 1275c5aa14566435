"""Keep the teacher's order of who is more like whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.needed import needed
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def rank_consistency(student: Tensor, teacher: Tensor) -> Tensor:
    """For each sample and every two others: max(0, |Δt| - sign(Δt) Δs), Δ the difference of the cosines to the two.

    Mean over them.

    Zero where the student has each pair in the teacher's order, at least as far apart; an order reversed costs both
    gaps, and a student to whom all are alike pays every gap of the teacher. A batch of fewer than three has no such
    pair, and gives zero.

    Args:
        student, teacher: embeddings "batch dim"; the widths may differ; the teacher gets no gradient.

    Source: after Huang et al., RankByGene, arXiv:2411.15076, whose text asks for this and whose release does not (see
    ``ranking_penalty_released``). Pairs share a sample (the release compares across samples), self-similarities are
    left out.

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


@full_precision
def ranking_penalty_released(values: Tensor, targets: Tensor, order: Tensor, iterations: int = 1) -> Tensor:
    """RankByGene's release.

    Σ max(0, |Δv| - |Δt|) / rows, over entries of two similarity matrices and their neighbours ``step`` before.

    It never looks at the sign of Δv: an order that is reversed costs nothing as long as the gap is small, and values
    that are all equal cost nothing at all. Neighbours are those of the flattened matrix, so a row's first entry meets
    another row's last.

    Args:
        values, targets: "row column"; both get a gradient.
        order: "row" int64, the permutation of rows (drawn anew at each call in the release).
        iterations: steps 1 to this are averaged.

    Source: Huang et al., RankByGene, arXiv:2411.15076, as released.

    >>> t = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> ranking_penalty_released(1 - t, t, torch.arange(2)).item(), ranking_penalty_released(0 * t, t, torch.arange(2)).item()
    (0.0, 0.0)
    """
    v, t = values[order], targets[order]
    terms = []
    for step in range(1, iterations + 1):
        dv, dt = v.roll(step) - v, t.roll(step) - t
        terms.append((dv.abs() - dt.abs()).relu().sum() / len(v))
    return torch.stack(terms).mean()


@full_precision
def ranking_loss_released(
    teacher: Tensor, student: Tensor, order: Tensor, temperature: float = 1.0, eps: float = 0.0
) -> Tensor:
    """RankByGene's release: ``ranking_penalty_released`` on row softmaxes of cosines over a temperature.

    Both parties get a gradient.
    """

    def similarity(embedding: Tensor) -> Tensor:
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp(min=eps)
        softmax: Tensor = (unit @ unit.T / temperature).softmax(dim=1)
        return softmax

    return ranking_penalty_released(similarity(student), similarity(teacher), order)


class RankConsistency(Objective):
    """Keep the teacher's order of similarities.

    Whom a sample is more like, as the teacher sees it, the student must see so too.

    The embeddings need not have the same width. Memory grows with the cube of the batch.

    Args:
        released: the release's form, which is blind to the order and costs nothing where all embeddings are alike; rows
            are permuted at random.
        temperature: T > 0 of the released form's softmax, dimensionless.
        teacher: which teacher it hears; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``rank``, dimensionless.

    Raises:
        InputError: the temperature is not above zero.

    Source: Huang et al., RankByGene, arXiv:2411.15076.
    """

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, released: bool = False, temperature: float = 1.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="RankConsistency", remedy="1 is the authors'"
            )
        self.released = released
        self.temperature = temperature

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``rank``."""
        s = needed(student, "embedding", "student", self)
        t = needed(self.hear(teachers), "embedding", "teacher", self)
        if not self.released:
            return {"rank": rank_consistency(s, t)}
        order = torch.randperm(len(s), device=s.device)
        return {"rank": ranking_loss_released(t.detach(), s, order, self.temperature, EPS)}


def _ranking_penalty(inputs: Mapping[str, Tensor], iterations: int = 1) -> dict[str, Tensor]:
    return {"loss": ranking_penalty_released(inputs["values"], inputs["targets"], inputs["perm"], iterations)}


def _ranking_loss(inputs: Mapping[str, Tensor], temperature: float = 1.0) -> dict[str, Tensor]:
    return {"loss": ranking_loss_released(inputs["gene"], inputs["image"], inputs["perm"], temperature)}


GOLDEN = {"rankbygene/ranking_penalty": _ranking_penalty, "rankbygene/ranking_loss": _ranking_loss}
