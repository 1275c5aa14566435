"""Noise predictor of a diffusion model over features: from a noisy feature and the time to the noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NoisePredictor(nn.Module):
    """Residual two-layer blocks over the channels, with the time embedded as sines and cosines.

    Args:
        dim: channels of the feature.
        blocks: how many residual blocks.
        waves: frequencies of the time embedding, from one radian per step down to one per ten thousand steps.

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
        """The predicted noise."""
        angles = time[:, None] * self.frequencies
        embedded = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        x = noisy.movedim(1, -1)
        embedded = embedded.reshape(len(embedded), *[1] * (x.dim() - 2), -1)
        for block in self.blocks:
            x = x + block(x + embedded)
        noise: Tensor = self.last(x)
        return noise.movedim(-1, 1)
