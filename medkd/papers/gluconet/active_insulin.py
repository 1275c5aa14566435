"""Active insulin of a table of doses: the release's, and the insulin on board by the minutes since each dose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.modalities.insulin.insulin import exponential_curve, on_board

PEAK, DURATION = 55.0, 360.0


def active_insulin(second: NDArray[np.int64], dose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Insulin on board at each row: doses up to it, each by the minutes since it, added up.

    Args:
        second: "row", rising.
        dose: "row", units; 0 is none.

    >>> active_insulin(np.array([0, 3600]), np.array([2.0, 1.0])).round(3).tolist()
    [2.0, 2.361]
    """
    taken = np.flatnonzero(dose != 0)
    minutes = (second[:, None] - second[taken]) / 60
    active: NDArray[np.float64] = on_board(minutes, PEAK, DURATION) @ dose[taken]
    return active


def active_insulin_released(second: NDArray[np.int64], dose: NDArray[np.float64]) -> NDArray[np.float64]:
    """GlucoNet's: only the last dose counts, for 360 minutes, and the curve is evaluated at the minute of the day."""
    rows = np.arange(len(dose))
    last = np.maximum.accumulate(np.where(dose != 0, rows, -1))
    since = (second - second[last]) / 60
    active = dose[last] * exponential_curve(second % 86400 / 60, PEAK, DURATION)
    return np.where((last >= 0) & (since >= 0) & (since <= DURATION), active, 0.0)


def _released(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"active": torch.from_numpy(active_insulin_released(inputs["timestamp"].numpy(), inputs["dose"].numpy()))}


GOLDEN = {"gluconet/active_insulin": _released}
