"""A multilayer perceptron over the summary of a view."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.head import Head
from medkd.networks.network import Network
from medkd.networks.summary import summary_of


class SummaryNetwork(Network):
    """A multilayer perceptron over 17 numbers per variable, and whether each is known.

    Boosted trees take the same numbers (``medkd.networks.summary``).

    Args:
        numbers: of the summary: 17 times the variables of a grid.
        outputs: number of logits.
        width: of both hidden layers.
        dropout: probability after each of them.
        noise: deviation of Gaussian noise on the numbers in training.

    Shapes: any signals; logits "batch output", embedding "batch width".

    >>> empty = Signal(torch.zeros(2, 3, 24), torch.zeros(2, 3, 24, dtype=torch.bool))
    >>> SummaryNetwork(numbers=51, outputs=1)({"vitals": empty}).logits.shape
    torch.Size([2, 1])
    """

    def __init__(self, numbers: int, outputs: int, width: int = 64, dropout: float = 0.3, noise: float = 0.0) -> None:
        super().__init__()
        self.numbers, self.noise = numbers, noise
        self.scale = nn.BatchNorm1d(numbers)
        self.body = nn.Sequential(
            nn.Linear(2 * numbers, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = Head(width, outputs, 0, 0.0)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Summarise, scale, and apply the perceptron.

        Raises:
            InputError: the view has another number of them.
        """
        table = summary_of(signals)
        if table.shape[1] != self.numbers:
            raise InputError(
                f"network takes {self.numbers} numbers, the view gives {table.shape[1]}",
                remedy=f"Set network.init_args.numbers to {table.shape[1]}",
            )
        known = table.isfinite()
        filled = torch.where(known, table, 0.0)
        # A batch of one has no deviation of its own.
        learns = self.scale.training and len(filled) > 1
        scale = self.scale
        scaled = (
            nn.functional.batch_norm(
                filled, scale.running_mean, scale.running_var, scale.weight, scale.bias, learns
            ).clamp(-5, 5)
            * known
        )
        if self.training and self.noise:
            scaled = scaled + self.noise * torch.randn_like(scaled)
        embedding = self.body(torch.cat([scaled, known.to(scaled.dtype)], dim=1))
        return Output(logits=self.head(embedding), embedding=embedding)
