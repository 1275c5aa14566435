"""Readings of a glucose sensor before a forecast."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.display import Stretch
from medkd.data.core.modality import Traits
from medkd.data.events.events import Events, Reader
from medkd.errors import RecordError
from medkd.modalities.cgm.exports import layout_of, read_sensor_file
from medkd.modalities.cgm.history import History
from medkd.modalities.cgm.origins import GAP

BELOW, ABOVE = 40.0, 400.0
"""Meaning of "Low" and "High", mg/dL: the ends of the range of the sensors that print these words (Dexcom)."""
WORDS = {"low": BELOW, "lo": BELOW, "high": ABOVE, "hi": ABOVE}
"""In lower case: Dexcom writes Low and High, Medtronic, Libre and older Dexcom LO and HI."""
_BEYOND = re.compile(r"^[<>]\s*=?\s*(\d+(?:[.,]\d+)?)$")


def number_of(word: str) -> tuple[float, bool] | None:
    """The number that a sensor's word stands for, and whether it is in the file's unit; None for any other word.

    >>> number_of("HI"), number_of(" low"), number_of(">400"), number_of("< 2.2"), number_of("err")
    ((400.0, False), (40.0, False), (400.0, True), (2.2, True), None)
    """
    text = word.strip().lower()
    if text in WORDS:
        return WORDS[text], False
    beyond = _BEYOND.match(text)
    return (float(beyond[1].replace(",", ".")), True) if beyond else None


def sensor_reading(text: pl.Expr) -> pl.Expr:
    """Readings as numbers; the words of sensors become the ends of their range: "Low" and "LO" 40, "<40" 40, and so on.

    Without them the lowest and highest glucose would be missing; as the limit they are wrong by the part beyond it.

    >>> readings = pl.DataFrame({"value": ["118", " Low", "HI", ">400", "", "err"]})
    >>> readings.select(x=sensor_reading(pl.col("value")))["x"].to_list()
    [118.0, 40.0, 400.0, 400.0, None, None]
    """
    word = text.cast(pl.String).str.strip_chars().str.to_lowercase()
    number = word.str.extract(r"^(?:[<>]\s*=?\s*)?(.*)$")
    return pl.coalesce(
        word.replace_strict(WORDS, default=None, return_dtype=pl.Float64), number.cast(pl.Float64, strict=False)
    )


@dataclass(frozen=True)
class CGM(History):
    """Sensor glucose, mg/dL, in steps of 5 (or 15) minutes that end at the forecast.

    The value of a step is the reading nearest to it in time, so that a clock that drifts by less than half a step moves
    no reading to a neighbouring step. Gaps of at most ``gap`` minutes are interpolated linearly, from readings inside
    the window alone: the last steps repeat the last reading. A record with a longer gap cannot be used. Files may be in
    mmol/L (a column ``unit``, or the column's name), and may contain "Low" and "High": see ``sensor_reading``. Exports
    of Dexcom Clarity and LibreView are read too; the forecast then begins at their last reading.

    Args:
        variables: ``glucose``.
        hours: length of a part that names no window, before time zero.
        step: hours between two values.
        aggregate: of two readings that are nearest to the same time step.
        gap: minutes without a reading that are bridged.

    Shapes: "1 step".
    """

    name: ClassVar[str] = "cgm"
    # Every step has a value.
    traits: ClassVar[Traits] = Traits(partial=False, identifying=False)
    hours: float = 3.0
    step: float = 1 / 12
    gap: float = GAP
    reader: ClassVar[Reader] = staticmethod(read_sensor_file)

    @classmethod
    def number(cls, word: str) -> tuple[float, bool] | None:
        """The ends of a sensor's range, see ``number_of``."""
        return number_of(word)

    def find(self, folder: Path) -> list[str]:
        """Event files with glucose, and exports of sensors."""
        exports = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if layout_of(path) is not None}
        return sorted({*super().find(folder), *exports})

    def silences(self, hours: NDArray[np.float64], start: float, end: float) -> tuple[Stretch, ...]:
        """Hours without a reading, where they are longer than ``gap`` minutes."""
        times = np.concatenate([[start], np.sort(hours), [end]])
        return tuple((float(last), float(first)) for last, first in pairwise(times) if 60 * (first - last) > self.gap)

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """The series "1 step".

        Raises:
            RecordError: the window has a gap of more than ``gap`` minutes.
        """
        start, end = raw.window
        # In steps before the end: a reading at the end is 0, and half a step decides.
        step = np.floor((raw.hours - end) / self.step + 0.5)
        grid = super().prepare(replace(raw, hours=end + (step - 0.5) * self.step).within(start, end))[0]
        known = np.flatnonzero(np.isfinite(grid))
        edges = np.concatenate([[-1], known, [len(grid)]])
        if not len(known) or 60 * self.step * np.diff(edges).max() > self.gap + 60 * self.step * 0.5:
            raise RecordError(
                f"holds no glucose for more than {self.gap:g} minutes", where=self.name, remedy="Leave this time out"
            )
        filled: NDArray[np.float32] = np.interp(np.arange(len(grid)), known, grid[known])[None].astype(np.float32)
        return filled

    def standardise(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """As any grid, with "Low" and "High" as numbers, in mg/dL whatever the unit of the file."""
        words = pl.col("value").cast(pl.String).str.strip_chars().str.to_lowercase().is_in(list(WORDS))
        numbers = [sensor_reading(pl.col("value")).alias("value")]
        if "unit" in events.collect_schema().names():
            numbers.append(pl.when(words).then(None).otherwise(pl.col("unit")).alias("unit"))
        return super().standardise(events.with_columns(numbers))
