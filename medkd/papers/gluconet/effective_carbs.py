"""Effective carbohydrate: the release's ramp by the clock, and absorption by the minutes since each meal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.modalities.meals.meals import to_absorb

NOON = 720


def effective_carbs(second: NDArray[np.int64], carbs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grams absorbed since the row before, all meals added up: over the rows they add up to what was eaten.

    Args:
        second: "row", rising.
        carbs: "row", grams; 0 is none.

    >>> effective_carbs(np.arange(0, 18000, 3600), np.array([30.0, 0, 0, 0, 0])).round(2).tolist()
    [0.0, 6.0, 13.33, 8.0, 2.67]
    """
    eaten = np.flatnonzero(carbs != 0)
    minutes = (second[:, None] - second[eaten]) / 60
    absorbed = np.where(minutes >= 0, 1 - to_absorb(minutes), 0.0) @ carbs[eaten]
    return np.diff(absorbed, prepend=0.0)


def effective_carbs_released(second: NDArray[np.int64], carbs: NDArray[np.float64]) -> NDArray[np.float64]:
    """GlucoNet's: one meal at a time, by the minute of the day alone.

    It stops at midnight, and the same meal comes back the next day.
    """
    minute = (second // 60 % 1440).astype(np.float64)
    effective = np.zeros(len(carbs))
    meal, grams, peak, highest = float(NOON), 0.0, float(NOON), 0.0
    for row, (now, eaten) in enumerate(zip(minute, carbs, strict=True)):
        if eaten != 0:
            highest, meal, grams = 0.0, now, eaten
        if row < 2:
            effective[row] = _ramp(grams, now, now, peak, meal)
        elif second[row] == second[row - 1]:
            effective[row] = effective[row - 1]
        else:
            effective[row] = _ramp(grams, now, minute[row - 1], peak, meal)
            if effective[row] > highest:
                highest, peak = effective[row], now
    return effective


def _ramp(grams: float, now: float, before: float, peak: float, meal: float) -> float:
    since = now - meal
    if since < 15 or since >= 240:
        return 0.0
    step = now - before
    if step == 0:
        # The release divides by zero here.
        return float("nan")
    if since <= 60:
        return grams * 0.111 * (now - (meal + 10)) / step
    return max(0.0, grams * (1 - (now - peak) / step * 0.028))


def _released(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        "effective": torch.from_numpy(effective_carbs_released(inputs["timestamp"].numpy(), inputs["carbs"].numpy()))
    }


GOLDEN = {"gluconet/effective_carbs": _released}
