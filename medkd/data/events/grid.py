"""Grid: the base of modalities that put events on regular time steps, NaN where nothing was observed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.display import Stretch, Trend
from medkd.data.core.modality import Modality, Traits
from medkd.data.core.sample import Exclusion
from medkd.data.core.view import Part
from medkd.data.events.event_file import event_columns, read_event_file
from medkd.data.events.events import Events, Reader, published_events, series_of, write_events
from medkd.data.events.standard import Entries, entries_of, resolved, standardised
from medkd.data.events.variables import Variable, variables_in
from medkd.data.io.locks import locked_folder, sweep
from medkd.errors import InputError, nearest

_SPOOL = ".spool-"


@dataclass(frozen=True)
class Grid(Modality):
    """Variables over time steps: the mean, last or sum of the values observed in each step, NaN where there were none.

    Args:
        variables: their names, in this order; empty means all of the table.
        hours: length of a part that names no window, from time zero.
        step: hours per time step.
        aggregate: of several values in one time step: mean, last or sum.
    """

    traits: ClassVar[Traits] = Traits(partial=True)
    revision: ClassVar[int] = 2
    reader: ClassVar[Reader] = staticmethod(read_event_file)
    """Reads a file of this modality as rows of events."""

    variables: tuple[str, ...] = ()
    hours: float = 24.0
    step: float = 1.0
    aggregate: Literal["mean", "last", "sum"] = "mean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        for name in self.variables:
            if name not in self.table():
                raise InputError(
                    f"{self.name} has no variable '{name}'", where="variables", remedy=nearest(name, self.table())
                )
        if self.step <= 0 or self.hours <= 0 or self.aggregate not in ("mean", "last", "sum"):
            raise InputError(
                f"hours {self.hours:g}, step {self.step:g}, aggregate {self.aggregate}",
                where=self.name,
                remedy="Give hours and step above 0, and mean, last or sum",
            )

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Every variable that this modality knows: ``variables.yaml`` beside the module of its class."""
        return variables_in(Path(str(sys.modules[cls.__module__].__file__)).with_name("variables.yaml"))

    @classmethod
    @cache
    def _names(cls) -> Mapping[str, str]:
        """Every name of a variable, in lower case → its name in the table."""
        return {alias.lower(): name for name, known in cls.table().items() for alias in (name, *known.names)}

    @classmethod
    def number(cls, word: str) -> tuple[float, bool] | None:
        """The number that a word stands for, and whether it is in the unit that the file states, not the table's.

        None where it stands for none.
        """
        return None

    @classmethod
    @lru_cache(maxsize=64)
    def _entries(
        cls, variables: tuple[str, ...], units: tuple[str | None, ...], words: tuple[str | None, ...]
    ) -> Entries:
        """How the variables, units and words of a file are read; once for all the samples of a file."""
        return entries_of(variables, units, words, cls.table(), cls._names(), cls.number)

    def names(self, part: Part) -> tuple[str, ...]:
        """The variables that a part shows.

        Raises:
            InputError: it names one that this modality does not show.
        """
        shown = self.variables or tuple(self.table())
        for name in part.selector:
            if name not in shown:
                raise InputError(f"{self.name} has no variable '{name}'", where=str(part), remedy=nearest(name, shown))
        return part.selector or shown

    def window(self, part: Part) -> tuple[float, float]:
        """First and last hour that a part shows."""
        return part.window or (0.0, self.hours)

    def shape(self, part: Part) -> tuple[int, ...]:
        """Variables, time steps."""
        start, end = self.window(part)
        return len(self.names(part)), _time_steps(start, end, self.step)

    def find(self, folder: Path) -> list[str]:
        """Files of one sample each.

        Parquet or text (CSV or TSV, gzipped or not) with ``hours``, and ``variable`` and ``value`` or a column for a
        known variable.
        """
        return [
            path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if self._holds(event_columns(path))
        ]

    def _holds(self, columns: Sequence[str]) -> bool:
        """Whether a file of events with these columns is one of this modality."""
        return {"variable", "value"} <= set(columns) or any(
            resolved(column, self._names()) is not None for column in columns
        )

    def read(self, row: Mapping[str, Any], root: Path) -> Events:
        """Events of the sample's series (``row['series']``, else its ``sample_id``) from ``row['zero_hour']`` (0) on.

        A variable may have any of its names. Values are converted from the unit that the file states, in a column
        ``unit`` or in a column's name, to the table's; where it states none they are taken to be in the table's. What
        is not plausible, in a unit that is not known, or of a variable that is not known is left out and counted.

        Raises:
            RecordError: as ``published_events``, or a word stands for a value.
        """
        path = root / str(row[self.name])
        series, zero_hour = series_of(row)
        published = published_events(
            path, series, zero_hour, is_named=row.get("series") is not None, reader=type(self).reader
        )
        entries = self._entries(published.variables, published.units, published.words)
        return entries.values_of(published, path.name)

    def select(self, raw: Events, part: Part) -> Events:
        """Only the part's variables, and only its hours."""
        return raw.of(self.names(part)).within(*self.window(part))

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """The grid "variable step"."""
        start, end = raw.window
        shape = (len(raw.variables), _time_steps(start, end, self.step))
        step = np.minimum(self.step_of(raw.hours, start), shape[1] - 1)
        flat = raw.variable * shape[1] + step
        grid = np.full(shape[0] * shape[1], np.nan)
        if self.aggregate == "last":
            grid[flat] = raw.value
        else:
            count = np.bincount(flat, minlength=len(grid))
            total = np.bincount(flat, raw.value.astype(np.float64), minlength=len(grid))
            seen = count > 0
            grid[seen] = total[seen] / (count[seen] if self.aggregate == "mean" else 1)
        return grid.reshape(shape).astype(np.float32)

    def display(self, raw: Events, part: Part) -> Trend:
        """All known variables and all hours of the file, every value at its own hour; the student's variables first.

        A column that is not a known variable is left out: it may be an outcome.
        """
        seen, (start, end) = self.names(part), self.window(part)
        present = {raw.variables[index] for index in np.unique(raw.variable)}
        names = (*seen, *(name for name in self.table() if name in present and name not in seen))
        shown = raw.of(names)
        # In whole time steps, so that the edges of the student's window are edges of time steps.
        first, last = np.floor(
            (np.array([shown.hours.min(initial=start), shown.hours.max(initial=end)]) - start) / self.step + 1e-9
        )
        span = (
            float(start + min(first, 0.0) * self.step),
            float(max(end, start + (last + (shown.hours > end).any()) * self.step)),
        )
        return Trend(
            modality=self.name,
            variables=names,
            units=tuple(self.table()[name].unit for name in names),
            hours=shown.hours,
            variable=shown.variable,
            values=shown.value,
            span=span,
            window=(start, end),
            seen=seen,
            step=self.step,
            silences=tuple(self.silences(shown.hours[shown.variable == index], *span) for index in range(len(names))),
            additive=self.additive,
        )

    @property
    def additive(self) -> bool:
        """Whether values are amounts (doses, meals), not levels."""
        return False

    def silences(self, hours: NDArray[np.float64], start: float, end: float) -> tuple[Stretch, ...]:
        """The parts of [``start``, ``end``) whose time steps hold none of ``hours``, neighbouring steps as one."""
        steps = _time_steps(start, end, self.step)
        empty = np.ones(steps + 2, dtype=bool)
        empty[np.clip(self.step_of(hours, start), 0, steps - 1) + 1] = False
        empty[[0, -1]] = False
        edges = np.flatnonzero(np.diff(empty.astype(np.int8)))
        return tuple(
            (float(start + first * self.step), float(start + last * self.step)) for first, last in edges.reshape(-1, 2)
        )

    def step_of(self, hours: NDArray[np.float64], start: float) -> NDArray[np.int64]:
        """The time step that each hour falls in, counted from ``start``."""
        # A rounding error must not change the step: 0.3 / 0.1 is 2.9999...
        return ((hours - start) / self.step + 1e-9).astype(np.int64)

    def extract(self, events: pl.LazyFrame, folder: Path) -> tuple[dict[str, str], list[Exclusion]]:
        """Write standardised events below ``folder``.

        Returns:
            The file of each series, and the number of values that were set aside, by reason.
        """
        with _spooled(self.standardise(events), folder) as standard:
            flaws = standard.group_by("flaw").len().drop_nulls().sort("flaw").collect(engine="streaming")
            files = write_events(standard.filter(pl.col("flaw").is_null()), folder, self.name)
        return files, [Exclusion(f"{self.name}: {flaw}", count) for flaw, count in flaws.iter_rows()]

    def standardise(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """Published values in this modality's variables and units, with the reason why one is not a measurement.

        Args:
            events: ``series``, ``hours``, ``variable`` (any of a variable's names), ``value``, and if known ``unit``
                (null: its own).

        Returns:
            series, hours, variable, value, flaw (null for what can be used).
        """
        return standardised(events, self.table(), self._names())


@contextmanager
def _spooled(rows: pl.LazyFrame, folder: Path) -> Iterator[pl.LazyFrame]:
    """The rows of a query, computed once and in batches, in a file below ``folder``: they may exceed the memory."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder, f"{_SPOOL}*")
    with locked_folder(folder, _SPOOL) as temporary:
        file = temporary / "rows.parquet"
        rows.sink_parquet(file, compression="lz4", engine="streaming")
        yield pl.scan_parquet(file)


def _time_steps(start: float, end: float, step: float) -> int:
    return max(int(np.ceil((end - start) / step - 1e-9)), 1)
