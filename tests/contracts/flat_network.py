"""A network that sees every cell of whatever its view shows, for contract tests of things that no one model reads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.networks.network import Network


class FlatNetwork(Network):
    """One weight per cell, and one per whether it was observed, of signals of any shape.

    Args:
        cells: of one prepared sample, over all its modalities.
        outputs: number of logits.
    """

    def __init__(self, cells: int, outputs: int = 1) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * cells, outputs)

    def forward(self, signals: Mapping[str, Signal]) -> Output:
        """Logits near 0: the sine of each cell, so that neither large ids nor small deviations are lost."""
        columns = []
        for signal in signals.values():
            mask = torch.ones_like(signal.values) if signal.mask is None else signal.mask.to(signal.values.dtype)
            columns += [torch.sin(signal.values).flatten(1), mask.expand_as(signal.values).flatten(1)]
        return Output(logits=self.linear(torch.cat(columns, dim=1)))
