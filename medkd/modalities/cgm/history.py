"""Grids of the hours before a forecast: of levels, and of intakes whose effect lasts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.display import Stretch
from medkd.data.core.modality import Traits
from medkd.data.core.view import Part
from medkd.data.events.events import Events
from medkd.data.events.grid import Grid

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Minutes since an intake → the share of it that remains; 0 before it."""


class History(Grid):
    """A grid whose windows are (start, end]: a reading at the very time of a forecast is known to it.

    A part that names no window shows the last ``hours`` before time zero, the origin of the forecast.
    """

    # Windows of a smooth curve look alike, and most windows have no meal and no dose.
    traits: ClassVar[Traits] = Traits(partial=True, identifying=False)

    def window(self, part: Part) -> tuple[float, float]:
        """First and last hour that a part shows."""
        return part.window or (-self.hours, 0.0)

    def select(self, raw: Events, part: Part) -> Events:
        """Only the part's variables, and only the events of (start, end]."""
        start, end = self.window(part)
        events = raw.of(self.names(part)).within(float(np.nextafter(start, np.inf)), float(np.nextafter(end, np.inf)))
        return replace(events, window=(start, end))


@dataclass(frozen=True)
class Intakes(History):
    """Amounts taken (doses, meals) as what remains of them at the end of each cell, added up, "variable cell".

    An intake counts from its own time on; those before the window's start are not seen. A variable without any entry in
    the window is NaN, not zero: nothing is known of it. An entry of zero means that a log was kept.

    Args:
        variables: which, in this order; empty means all.
        hours: length of a part that names no window, before time zero.
        step: hours per cell.
        aggregate: not used: amounts add up.
    """

    step: float = 0.25

    @classmethod
    @abstractmethod
    def curves(cls) -> Mapping[str, Curve]:
        """Variable → the share of an intake that remains after some minutes."""

    @property
    def additive(self) -> bool:
        """Doses and meals are amounts, not levels."""
        return True

    def silences(self, hours: NDArray[np.float64], start: float, end: float) -> tuple[Stretch, ...]:
        """None: hours without an intake are not missing."""
        return ()

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """The amount that remains at each cell's end, "variable cell"."""
        cells = self.shape(Part(self.name, raw.variables, raw.window))[1]
        ends = raw.window[0] + self.step * np.arange(1, cells + 1)
        curves, grid = self.curves(), np.full((len(raw.variables), cells), np.nan)
        for row, name in enumerate(raw.variables):
            entries = raw.variable == row
            if entries.any():
                taken = entries & (raw.value > 0)
                minutes = 60 * (ends[None, :] - raw.hours[taken][:, None])
                # An intake at a cell's end has just happened; a millionth of a minute is rounding.
                minutes = np.where(np.abs(minutes) < 1e-6, 0.0, minutes)
                grid[row] = raw.value[taken].astype(np.float64) @ curves[name](minutes)
        return grid.astype(np.float32)
