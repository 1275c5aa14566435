"""Grids that look back: what was known at a time, from hours before it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.display import Stretch
from medkd.data.core.modality import Traits
from medkd.data.core.view import Part
from medkd.data.events.events import Events
from medkd.data.events.grid import Grid


class History(Grid):
    """A grid whose windows are (start, end]: what is read at the very time of a forecast is known to it.

    A part that names no window shows the last ``hours`` before time zero, where a forecast stands.
    """

    # Windows of a smooth curve look alike, and most windows hold no meal and no dose.
    traits: ClassVar[Traits] = Traits(partial=True, identifying=False)

    @property
    def additive(self) -> bool:
        """Meals and doses are."""
        return True

    def silences(self, hours: NDArray[np.float64], start: float, end: float) -> tuple[Stretch, ...]:
        """None: hours without a meal or a dose are not missing."""
        return ()

    def window(self, part: Part) -> tuple[float, float]:
        """First and last hour that a part shows."""
        return part.window or (-self.hours, 0.0)

    def select(self, raw: Events, part: Part) -> Events:
        """Only the part's variables, and only what happens in (start, end]."""
        start, end = self.window(part)
        held = raw.of(self.names(part)).within(float(np.nextafter(start, np.inf)), float(np.nextafter(end, np.inf)))
        return replace(held, window=(start, end))
