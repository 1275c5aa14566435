"""A grid of variables over hours in a few numbers a variable: what trees and a plain network read."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from medkd.data.signal import Signal

QUARTERS = 4
_MEANS, _COUNTS = ([f"{what} of quarter {place}" for place in range(1, QUARTERS + 1)] for what in ("mean", "observed"))
SUMMARIES = ("first", "last", "mean", "min", "max", "std", "slope", *_MEANS, "observed", "since", *_COUNTS)
"""What is said of each variable, in this order."""


def summarise(signals: Mapping[str, Signal]) -> NDArray[np.float32]:
    """Every signal of a view as one table "sample number", NaN where nothing was observed.

    A signal of "batch variable cell" with a mask becomes 17 numbers a variable (see ``summarise_grid``); any other is laid flat, and so
    is one whose samples are whole, whether or not one of the batch is absent.
    """
    parts = []
    for signal in signals.values():
        values = signal.values.detach().float().cpu().numpy()
        if signal.mask is not None:
            values = np.where(signal.mask.cpu().numpy(), values, np.nan)
        is_grid = signal.mask is not None and values.ndim == 3 and not signal.whole
        parts.append(summarise_grid(values) if is_grid else values.reshape(len(values), -1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def summarise_grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grids "sample variable cell" as "sample variable*summary".

    first, last, mean, min, max, std of the observed cells; slope (least squares, a cell); the mean of each quarter of the window;
    observed (number of cells); since (cells from the last observed one to the window's end); how many were observed in each quarter.

    >>> grid = np.array([[[1.0, np.nan, 3.0, np.nan]]], np.float32)
    >>> dict(zip(SUMMARIES, summarise_grid(grid)[0].tolist()))["slope"]
    1.0
    >>> summarise_grid(grid)[0, 7:].tolist()
    [1.0, nan, 3.0, nan, 2.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    """
    cells = values.shape[-1]
    seen = np.isfinite(values)
    count = seen.sum(-1)
    any_seen = count > 0
    filled = np.where(seen, values, 0.0).astype(np.float64)
    place = np.arange(cells)
    edges = np.linspace(0, cells, QUARTERS + 1).round().astype(int)
    quarters = [slice(start, end) for start, end in pairwise(edges)]
    counts = [seen[..., quarter].sum(-1) for quarter in quarters]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(-1) / count
        spread = np.where(seen, values - mean[..., None], 0.0)
        std = np.sqrt((spread**2).sum(-1) / count)
        middle = (seen * place).sum(-1) / count
        lag = np.where(seen, place - middle[..., None], 0.0)
        slope = (lag * spread).sum(-1) / (lag**2).sum(-1)
        means = [filled[..., quarter].sum(-1) / held for quarter, held in zip(quarters, counts, strict=True)]
    first, last = seen.argmax(-1), cells - 1 - seen[..., ::-1].argmax(-1)
    numbers = (
        np.take_along_axis(values, first[..., None], -1)[..., 0],
        np.take_along_axis(values, last[..., None], -1)[..., 0],
        mean,
        np.where(seen, values, np.inf).min(-1),
        np.where(seen, values, -np.inf).max(-1),
        std,
        slope,
        *means,
    )
    observed = [np.where(any_seen, number, np.nan) for number in numbers]
    since = np.where(any_seen, cells - 1 - last, cells)
    stacked = np.stack([*observed, count, since, *counts], axis=-1)
    return stacked.reshape(len(values), -1).astype(np.float32)
