"""What noise was added to a feature, guessed from the noisy feature and the time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NoisePredictor(nn.Module):
    """Residual two-layer blocks over the channels, told the time by sines and cosines of it.

    Args:
        dim: channels of the feature.
        blocks: how many residual blocks.
        waves: number of frequencies that tell the time, from one radian a step down to one in ten thousand steps.

    Shapes: feature "batch channel ..." and time "batch", in steps → "batch channel ...".

    >>> NoisePredictor(4)(torch.zeros(2, 4, 3), torch.tensor([0, 999])).shape
    torch.Size([2, 4, 3])
    """

    frequencies: Tensor

    def __init__(self, dim: int, blocks: int = 2, waves: int = 16) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(waves) / waves), persistent=False)
        self.time = nn.Linear(2 * waves, dim)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim)) for _ in range(blocks)
        )
        self.last = nn.Linear(dim, dim)

    def forward(self, noisy: Tensor, time: Tensor) -> Tensor:
        """The noise, as far as it can be told."""
        angles = time[:, None] * self.frequencies
        told = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        x = noisy.movedim(1, -1)
        told = told.reshape(len(told), *[1] * (x.dim() - 2), -1)
        for block in self.blocks:
            x = x + block(x + told)
        noise: Tensor = self.last(x)
        return noise.movedim(-1, 1)
