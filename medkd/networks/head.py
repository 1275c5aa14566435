"""The head of a network: from an embedding to logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """Dropout and a linear layer, with one hidden layer between if ``hidden`` is set.

    No BatchNorm: it fails on a batch of one, and with a few hundred samples its noise costs more than it regularises.

    Args:
        dim: width of the embedding.
        outputs: number of logits.
        hidden: width of the hidden layer; 0 leaves it out.
        dropout: probability before the last layer; half of it before the hidden one.

    Shapes: "batch dim" → "batch outputs".
    """

    def __init__(self, dim: int, outputs: int, hidden: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hidden:
            layers += [nn.Dropout(dropout / 2), nn.Linear(dim, hidden), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(hidden or dim, outputs))

    def forward(self, embedding: Tensor) -> Tensor:
        """Embedding to logits."""
        logits: Tensor = self.layers(embedding)
        return logits

    def begin_at(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the last layer so that outputs start with this mean and deviation, "outputs" each.

        A regression in mg/dL would otherwise spend its budget on the offset.
        """
        last = self.layers[-1]
        with torch.no_grad():
            last.weight.mul_(deviation.unsqueeze(1))  # type: ignore[operator]
            last.bias.copy_(mean)  # type: ignore[operator]
