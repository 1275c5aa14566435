"""Doses and meals as what is left of them, cell after cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medkd.data.events.events import Events

Array = NDArray[np.float64]
Left = Callable[[Array], Array]
"""Minutes since an intake → the share of it that is left; 0 before it."""


def remaining(raw: Events, left: dict[str, Left], step: float, cells: int) -> NDArray[np.float32]:
    """The grid "variable cell": amounts, each times the share that is left at the cell's end, added up.

    An intake counts from its own time on, and adds to those before it. A variable without any entry in the window is
    NaN, not zero: nothing is known of it. An entry of zero says that a log was kept.

    Args:
        raw: amounts taken in the window.
        left: variable → the share left after some minutes.
        step: hours a cell.
        cells: in the window.
    """
    ends = raw.window[0] + step * np.arange(1, cells + 1)
    grid = np.full((len(raw.variables), cells), np.nan)
    for place, name in enumerate(raw.variables):
        mine = raw.variable == place
        if mine.any():
            taken = mine & (raw.value > 0)
            minutes = 60 * (ends[None, :] - raw.hours[taken][:, None])
            # An intake at a cell's end has just happened; 1e-9 h is rounding.
            grid[place] = raw.value[taken].astype(np.float64) @ left[name](
                np.where(np.abs(minutes) < 1e-6, 0.0, minutes)
            )
    return grid.astype(np.float32)
