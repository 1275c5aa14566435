"""The image teacher: a running average of the student that hardly moves at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def momentum(epoch: int, epochs: int, start: float = 0.96) -> float:
    """What the teacher keeps of itself, from ``start`` at the first epoch along half a cosine to one at the last.

    The release averages once an epoch, not once a step, and the last epoch's student never enters.

    Args:
        epoch: from 0.
        epochs: how many; with one, and from ``epochs`` on, it is one.
        start: at epoch 0.

    Source: RankByGene, arXiv:2411.15076; Grill et al. 2020, BYOL, arXiv:2006.07733, section 3.2.

    >>> momentum(0, 100), momentum(99, 100)
    (0.96, 1.0)
    """
    if epochs == 1 or epoch >= epochs:
        return 1.0
    return 1 - (1 - start) * (math.cos(math.pi * epoch / (epochs - 1)) + 1) / 2


def averaged(teacher: Tensor, student: Tensor, keep: float) -> Tensor:
    """One parameter of the teacher after a step: ``keep`` of its own and the rest of the student's.

    >>> averaged(torch.ones(1), torch.zeros(1), 0.75)
    tensor([0.7500])
    """
    return teacher * keep + student * (1 - keep)


def _ema_update(inputs: Mapping[str, Tensor], epoch: int, max_epochs: int, ema_momentum: float) -> dict[str, Tensor]:
    keep = momentum(epoch, max_epochs, ema_momentum)
    return {
        "momentum": torch.tensor(keep, dtype=torch.float64),
        "new_teacher": averaged(inputs["teacher"], inputs["student"], keep),
    }


GOLDEN = {"rankbygene/ema_update": _ema_update}
