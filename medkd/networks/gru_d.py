"""GRU-D: a recurrent network over grids that decays values by the time since they were observed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.networks.grids import check_channels, joined, since_observed
from medkd.networks.head import Head
from medkd.networks.network import Network


class GruD(Network):
    """A GRU whose unobserved inputs are the last value, decayed towards the training mean (zero).

    The hidden state decays likewise.

    Args:
        channels: variables of all modalities together.
        outputs: number of logits.
        width: of the hidden state.
        dropout: probability in the head.

    Shapes: signals "batch variable step" with equal numbers of time steps and with masks; logits "batch output",
    embedding "batch width", tokens "batch step width" (hidden states). A sample with nothing observed gives finite
    logits.

    Source: Che et al. 2018, Recurrent neural networks for multivariate time series with missing values, eq. 10-13.

    >>> empty = Signal(torch.zeros(2, 3, 24), torch.zeros(2, 3, 24, dtype=torch.bool))
    >>> GruD(channels=3, outputs=1)({"vitals": empty}).logits.shape
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
        """Time step by time step, from the window's start to its end."""
        values, mask = joined(signals)
        check_channels(values.shape[1], self.channels, type(self).__name__)
        age = since_observed(mask)
        keep = torch.exp(-torch.relu(self.input_decay[:, None] * age + self.input_shift[:, None]))
        fade = torch.exp(-torch.relu(self.state_decay(age.transpose(1, 2))))
        state = values.new_zeros(values.shape[0], self.cell.hidden_size)
        last = torch.zeros_like(values[..., 0])
        states = []
        for step in range(values.shape[2]):
            observed = mask[..., step]
            imputed = observed * values[..., step] + (1 - observed) * keep[..., step] * last
            last = torch.where(observed > 0, values[..., step], last)
            state = self.cell(torch.cat([imputed, observed], dim=1), fade[:, step] * state)
            states.append(state)
        return Output(logits=self.head(state), embedding=state, tokens=torch.stack(states, dim=1))
