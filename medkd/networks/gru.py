"""A recurrent network that knows how old each value is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.networks.grids import check_channels, joined, since_observed
from medkd.networks.heads import Head
from medkd.networks.network import Network


class GruD(Network):
    """GRU-D: what was not observed is the last value, decayed towards the training mean (zero).

    The hidden state decays likewise.

    Args:
        channels: variables of all modalities together.
        outputs: number of logits.
        width: of the hidden state.
        dropout: probability in the head.

    Shapes: signals "batch variable cell" of equal cells, with masks; logits "batch output", embedding "batch width",
    tokens "batch cell width" (hidden states). A sample with nothing observed gives finite logits.

    Source: Che et al. 2018, Recurrent neural networks for multivariate time series with missing values, eq. 10-13.

    >>> GruD(channels=3, outputs=1)({"vitals": Signal(torch.zeros(2, 3, 24), torch.zeros(2, 3, 24, dtype=torch.bool))}).logits.shape
    torch.Size([2, 1])
    """

    def __init__(self, channels: int, outputs: int, width: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        self.channels = channels
        self.input_decay = nn.Parameter(torch.full((channels,), 0.1))
        self.input_shift = nn.Parameter(torch.zeros(channels))
        self.state_decay = nn.Linear(channels, width)
        self.cell = nn.GRUCell(2 * channels, width)
        self.head = Head(width, outputs, 0, dropout)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Cell by cell, from the window's start to its end."""
        values, mask = joined(signals)
        check_channels(values.shape[1], self.channels, type(self).__name__)
        age = since_observed(mask)
        keep = torch.exp(-torch.relu(self.input_decay[:, None] * age + self.input_shift[:, None]))
        fade = torch.exp(-torch.relu(self.state_decay(age.transpose(1, 2))))
        state = values.new_zeros(values.shape[0], self.cell.hidden_size)
        last = torch.zeros_like(values[..., 0])
        states = []
        for place in range(values.shape[2]):
            seen = mask[..., place]
            guess = seen * values[..., place] + (1 - seen) * keep[..., place] * last
            last = torch.where(seen > 0, values[..., place], last)
            state = self.cell(torch.cat([guess, seen], dim=1), fade[:, place] * state)
            states.append(state)
        return Output(logits=self.head(state), embedding=state, tokens=torch.stack(states, dim=1))
