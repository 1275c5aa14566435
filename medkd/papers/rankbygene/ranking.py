"""RankByGene's ranking loss as released, which is blind to the order that the paper asks to be kept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.precision import full_precision


@full_precision
def ranking_penalty_released(values: Tensor, targets: Tensor, order: Tensor, iterations: int = 1) -> Tensor:
    """Σ max(0, |Δv| - |Δt|) / rows, over entries of two similarity matrices and their neighbours ``step`` before.

    It never looks at the sign of Δv: an order that is reversed costs nothing as long as the gap is small, and values
    that are all equal cost nothing at all. Neighbours are those of the flattened matrix, so a row's first entry meets
    another row's last.

    Args:
        values, targets: "row column"; both get a gradient.
        order: "row" int64, the permutation of rows (drawn anew at each call in the release).
        iterations: steps 1 to this are averaged.

    Source: Huang et al. 2024, RankByGene, arXiv:2411.15076, as released.

    >>> t = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> [ranking_penalty_released(values, t, torch.arange(2)).item() for values in (1 - t, 0 * t)]
    [0.0, 0.0]
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
    """``ranking_penalty_released`` on row softmaxes of cosines over a temperature; both embeddings get a gradient."""

    def similarity(embedding: Tensor) -> Tensor:
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp(min=eps)
        softmax: Tensor = (unit @ unit.T / temperature).softmax(dim=1)
        return softmax

    return ranking_penalty_released(similarity(student), similarity(teacher), order)


def _ranking_penalty(inputs: Mapping[str, Tensor], iterations: int = 1) -> dict[str, Tensor]:
    return {"loss": ranking_penalty_released(inputs["values"], inputs["targets"], inputs["perm"], iterations)}


def _ranking_loss(inputs: Mapping[str, Tensor], temperature: float = 1.0) -> dict[str, Tensor]:
    return {"loss": ranking_loss_released(inputs["gene"], inputs["image"], inputs["perm"], temperature)}


GOLDEN = {"rankbygene/ranking_penalty": _ranking_penalty, "rankbygene/ranking_loss": _ranking_loss}
