"""Summary of a grid in 17 numbers per variable, as boosted trees and ``SummaryNetwork`` take it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.signal import Signal

QUARTERS = 4
_MEANS, _COUNTS = (
    [f"{what} of quarter {quarter}" for quarter in range(1, QUARTERS + 1)] for what in ("mean", "observed")
)
SUMMARIES = ("first", "last", "mean", "min", "max", "std", "slope", *_MEANS, "observed", "since", *_COUNTS)
"""The numbers of each variable, in this order."""


def summarise(signals: Mapping[str, Signal]) -> NDArray[np.float32]:
    """``summary_of`` as an array."""
    table: NDArray[np.float32] = summary_of(signals).detach().cpu().numpy()
    return table


def summary_of(signals: Mapping[str, Signal]) -> Tensor:
    """Every signal of a view as one table "sample number", float32, NaN where nothing was observed.

    A signal of "batch variable step" with a mask becomes 17 numbers per variable (see ``summarise_grid``); any other
    is flattened, and so is one whose samples are whole, whether or not one of the batch is absent.
    """
    parts = []
    for signal in signals.values():
        values = signal.values.float()
        if signal.mask is not None:
            values = torch.where(signal.mask, values, torch.nan)
        is_grid = signal.mask is not None and values.ndim == 3 and not signal.whole
        parts.append(summarise_grid(values) if is_grid else values.flatten(1))
    return torch.cat(parts, dim=1)


def summarise_grid(values: Tensor) -> Tensor:
    """Grids "sample variable step" as "sample variable*summary", float32.

    first, last, mean, min, max, std of the observed values; slope (least squares, per time step); the mean of each
    quarter of the window; observed (number of time steps); since (time steps from the last observed one to the window's
    end); how many were observed in each quarter.

    >>> grid = torch.tensor([[[1.0, torch.nan, 3.0, torch.nan]]])
    >>> dict(zip(SUMMARIES, summarise_grid(grid)[0].tolist()))["slope"]
    1.0
    >>> summarise_grid(grid)[0, 7:].tolist()
    [1.0, nan, 3.0, nan, 2.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    """
    steps = values.shape[-1]
    exact = values.double()
    seen = exact.isfinite()
    ones = seen.double()
    count = ones.sum(-1)
    index = torch.arange(steps, device=values.device, dtype=exact.dtype)
    filled = torch.where(seen, exact, 0.0)
    total = filled.sum(-1)
    mean = total / count
    spread = torch.where(seen, exact - mean.unsqueeze(-1), 0.0)
    index_sum = (ones * index).sum(-1)
    # From sums that float64 holds exactly: a slope of zero is zero in any order of addition, and always falls on the
    # same side of a tree's split.
    slope = (count * (filled * index).sum(-1) - index_sum * total) / (count * (ones * index**2).sum(-1) - index_sum**2)
    first = torch.where(seen, index, float(steps)).amin(-1)
    last = torch.where(seen, index, -1.0).amax(-1)
    edges = np.linspace(0, steps, QUARTERS + 1).round().astype(int).tolist()
    counts = [ones[..., start:end].sum(-1) for start, end in pairwise(edges)]
    means = [filled[..., start:end].sum(-1) / n for (start, end), n in zip(pairwise(edges), counts, strict=True)]
    observed = [
        _at(exact, first),
        _at(exact, last),
        mean,
        torch.where(seen, exact, torch.inf).amin(-1),
        torch.where(seen, exact, -torch.inf).amax(-1),
        (spread**2).sum(-1).div(count).sqrt(),
        slope,
        *means,
    ]
    known = [torch.where(count > 0, number, torch.nan) for number in observed]
    return torch.stack([*known, count, steps - 1 - last, *counts], dim=-1).flatten(1).float()


def _at(values: Tensor, index: Tensor) -> Tensor:
    """The value at an index along the last axis; any value where the index is outside."""
    return values.gather(-1, index.clamp(0, values.shape[-1] - 1).long().unsqueeze(-1)).squeeze(-1)
