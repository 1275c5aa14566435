"""Forecast windows of a series and the samples that follow them: the release's, and all there are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
LENGTH, HORIZON = 36, 12


def forecast_windows(series: Array, length: int = LENGTH, horizon: int = HORIZON) -> tuple[Array, Array]:
    """Every window of a series, and the samples after it; a forecast h samples ahead is column h-1.

    Args:
        series: "time".
        length: of a window.
        horizon: samples that follow.

    Returns:
        "window time" and "window ahead".

    >>> windows, after = forecast_windows(np.arange(5.0), length=2, horizon=2)
    >>> windows[-1].tolist(), after[-1].tolist()
    ([1.0, 2.0], [3.0, 4.0])
    """
    both = np.lib.stride_tricks.sliding_window_view(series, length + horizon)
    return both[:, :length], both[:, length:]


def forecast_windows_released(
    glucose: Array, insulin: Array, carbs: Array, n_ref: int, length: int = LENGTH, horizon: int = HORIZON
) -> tuple[Array, Array]:
    """GlucoNet's: the first (n_ref - 5 horizon - length) / 5 + 1 windows, a fifth of those that there are.

    Args:
        glucose, insulin, carbs: "time".
        n_ref: rows of the training table, also where windows are cut from the test series.
        length, horizon: samples.

    Returns:
        "window time 3" and "window ahead".
    """
    count = int((n_ref - 5 * horizon - length) / 5) + 1
    starts = np.arange(count)[:, None]
    seen = starts + np.arange(length)
    x = np.stack([glucose[seen], insulin[seen], carbs[seen]], axis=-1)
    return x, glucose[starts + length + np.arange(horizon)]


def _released(inputs: Mapping[str, Tensor], n_ref: int, L: int = LENGTH, H: int = HORIZON) -> dict[str, Tensor]:  # noqa: N803
    glucose, insulin, carbs = (inputs[name].numpy() for name in ("glucose", "insulin", "carbs"))
    x, after = forecast_windows_released(glucose, insulin, carbs, n_ref, L, H)
    y = torch.from_numpy(after)
    return {"x": torch.from_numpy(x), "y60": y, "y30": y[:, :6], "y1": y[:, :1]}


GOLDEN = {"gluconet/forecast_windows": _released}
