"""A glucose sensor's readings before a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.display import Stretch
from medkd.data.core.modality import Traits
from medkd.data.events.events import Events
from medkd.data.events.grid import Variable, variables_in
from medkd.errors import RecordError
from medkd.modalities.cgm.history import History
from medkd.modalities.cgm.origins import GAP

BELOW, ABOVE = 40.0, 400.0
"""What "Low" and "High" stand for, mg/dL: the ends of the range of the sensors that print these words (Dexcom)."""


def sensor_reading(text: pl.Expr) -> pl.Expr:
    """Readings as numbers; the words "Low" and "High" become the ends of the sensor's range, 40 and 400 mg/dL.

    Left out they would hide the lowest and highest glucose there is; taken as the limit they are wrong by what lies
    beyond it.

    >>> pl.DataFrame({"value": ["118", " Low", "high", "", "err"]}).select(x=sensor_reading(pl.col("value")))["x"].to_list()
    [118.0, 40.0, 400.0, None, None]
    """
    word = text.cast(pl.String).str.strip_chars().str.to_lowercase()
    return (
        pl.when(word == "low")
        .then(BELOW)
        .when(word == "high")
        .then(ABOVE)
        .otherwise(word.cast(pl.Float64, strict=False))
    )


@dataclass(frozen=True)
class CGM(History):
    """Sensor glucose, mg/dL, in steps of 5 (or 15) minutes that end at the forecast.

    A step holds the reading whose time is nearest to it, so that a clock that drifts by less than half a step moves
    none into its neighbour's place. Silence of at most ``gap`` minutes is bridged in a straight line, inside the window
    and never beyond it: the last steps hold the last reading. With a longer silence the record cannot be used. Files
    may be in mmol/L (a column ``unit``), and may say "Low" and "High": see ``sensor_reading``.

    Args:
        variables: ``glucose``.
        hours: length of a part that names no window, before time zero.
        step: hours between two values.
        cell: what a step holds where two readings are nearest to it.
        gap: minutes without a reading that are bridged.

    Shapes: "1 step".
    """

    name: ClassVar[str] = "cgm"
    # Every step holds a value.
    traits: ClassVar[Traits] = Traits(partial=False, identifying=False)
    hours: float = 3.0
    step: float = 1 / 12
    gap: float = GAP

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """``glucose``."""
        return variables_in(Path(__file__).with_name("variables.yaml"))

    @property
    def additive(self) -> bool:
        """Glucose is a level."""
        return False

    def silences(self, hours: NDArray[np.float64], start: float, end: float) -> tuple[Stretch, ...]:
        """Where the sensor was silent for more than ``gap`` minutes."""
        known = np.concatenate([[start], np.sort(hours), [end]])
        return tuple((float(last), float(first)) for last, first in pairwise(known) if 60 * (first - last) > self.gap)

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """The series "1 step".

        Raises:
            RecordError: the sensor was silent too long.
        """
        start, end = raw.window
        # In steps before the end: a reading at the end is 0, and half a step decides.
        place = np.floor((raw.hours - end) / self.step + 0.5)
        grid = super().prepare(replace(raw, hours=end + (place - 0.5) * self.step).within(start, end))[0]
        known = np.flatnonzero(np.isfinite(grid))
        edges = np.concatenate([[-1], known, [len(grid)]])
        if not len(known) or 60 * self.step * np.diff(edges).max() > self.gap + 60 * self.step * 0.5:
            raise RecordError(
                f"holds no glucose for more than {self.gap:g} minutes", where=self.name, remedy="Leave this time out"
            )
        bridged: NDArray[np.float32] = np.interp(np.arange(len(grid)), known, grid[known])[None].astype(np.float32)
        return bridged

    def standardise(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """As any grid does, after "Low" and "High" were read."""
        return super().standardise(events.with_columns(sensor_reading(pl.col("value")).alias("value")))
