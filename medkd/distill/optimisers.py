"""The optimiser and its learning rate over training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

LearningRate = Literal["one_cycle", "cosine", "constant"]


def optimiser(
    name: Literal["adamw", "sgd"], modules: Iterable[nn.Module], learning_rate: float, weight_decay: float
) -> Optimizer:
    """The optimiser over all parameters of ``modules``; biases and normalisation weights (one axis) are not decayed."""
    parameters = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "sgd":
        return SGD(groups, lr=learning_rate, momentum=0.9)
    return AdamW(groups, lr=learning_rate)


def rate_factor(shape: LearningRate, total: int) -> Callable[[int], float]:
    """Factor on the learning rate at each step.

    ``one_cycle`` warms up over the first quarter and anneals to zero along cosines (Smith & Topin 2018,
    arXiv:1708.07120).

    >>> [round(rate_factor("one_cycle", 100)(step), 3) for step in (0, 25, 100)]
    [0.04, 1.0, 0.0]
    """

    def factor(step: int) -> float:
        if shape == "constant":
            return 1.0
        progress = min(step / max(total, 1), 1.0)
        if shape == "one_cycle" and progress < 0.25:
            return 0.04 + 0.96 * 0.5 * (1.0 - math.cos(math.pi * progress / 0.25))
        done = (progress - 0.25) / 0.75 if shape == "one_cycle" else progress
        return 0.5 * (1.0 + math.cos(math.pi * done))

    return factor
