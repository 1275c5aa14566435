"""Hourly grids with holes, for networks of tables and series."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.networks.gru_d import GruD
from medkd.networks.hour_transformer import HourTransformer
from medkd.networks.network import Network
from medkd.networks.summary_network import SummaryNetwork

Grid = Callable[..., Signal]
SERIES: dict[str, Callable[[], Network]] = {
    "gru": lambda: GruD(channels=3, outputs=2, width=8),
    "hours": lambda: HourTransformer(channels=3, outputs=2, width=8),
    "tabular": lambda: SummaryNetwork(numbers=51, outputs=2, width=8),
}


@pytest.fixture(params=SERIES)
def series(request: pytest.FixtureRequest) -> Callable[[int], Network]:
    """``series(seed)``: each network that takes hourly grids of three variables."""

    def make(seed: int = 0) -> Network:
        torch.manual_seed(seed)
        return SERIES[request.param]()

    return make


@pytest.fixture
def grid() -> Grid:
    """``grid(batch, variables, steps, share, seed)``: a fraction observed, zeros under the mask elsewhere."""

    def make(batch: int = 5, variables: int = 3, steps: int = 12, share: float = 0.4, seed: int = 0) -> Signal:
        generator = torch.Generator().manual_seed(seed)
        mask = torch.rand(batch, variables, steps, generator=generator) < share
        return Signal(torch.randn(batch, variables, steps, generator=generator).masked_fill(~mask, 0.0), mask)

    return make
