"""Grid: the base of modalities that put events on regular time steps, NaN where nothing was observed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.display import Stretch, Trend
from medkd.data.core.modality import Modality, Traits
from medkd.data.core.sample import Exclusion
from medkd.data.core.view import Part
from medkd.data.events.events import Events, event_columns, read_events, series_of, write_events
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
    @cache
    def _standard(cls, variables: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32]]:
        """The table's names of a file's variables, and their plausible limits; once for all the samples of a file."""
        names = tuple(cls._names().get(name.lower(), name) for name in variables)
        limits = [(known.low, known.high) if (known := cls.table().get(name)) else (-np.inf, np.inf) for name in names]
        # As 32-bit numbers, like the values, so that a value at its limit stays within it.
        low, high = np.array(limits or [(0.0, 0.0)], np.float32).T
        return names, low, high

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

        Parquet or CSV with ``hours``, and ``variable`` and ``value`` or a column for a known variable.
        """
        files = {path.relative_to(folder).as_posix(): set(event_columns(path)) for path in sorted(folder.rglob("*"))}
        known = set(self._names())
        return [
            name
            for name, columns in files.items()
            if {"variable", "value"} <= columns or known & {column.lower() for column in columns}
        ]

    def read(self, row: Mapping[str, Any], root: Path) -> Events:
        """Events of the sample's series (``row['series']``, else its ``sample_id``) from ``row['zero_hour']`` (0) on.

        A variable may have any of its names; values are in the table's unit, and left out where not plausible.
        """
        events = read_events(root / str(row[self.name]), *series_of(row))
        names, low, high = self._standard(events.variables)
        plausible = (events.value >= low[events.variable]) & (events.value <= high[events.variable])
        return replace(
            events,
            hours=events.hours[plausible],
            variable=events.variable[plausible],
            value=events.value[plausible],
            variables=names,
        )

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
        table = self.table()
        has_units = "unit" in events.collect_schema().names()
        unit = (
            pl.col("unit").cast(pl.String).str.to_lowercase().str.strip_chars()
            if has_units
            else pl.lit(None, dtype=pl.String)
        )
        # Joins, since replacing values would keep the whole column in memory.
        known = pl.LazyFrame(
            [
                (alias, name, table[name].unit.lower(), table[name].low, table[name].high)
                for alias, name in self._names().items()
            ],
            {"alias": pl.String, "variable": pl.String, "own": pl.String, "low": pl.Float64, "high": pl.Float64},
            orient="row",
        )
        lines = pl.LazyFrame(
            [(name, unit, *line) for name, variable in table.items() for unit, line in variable.units.items()],
            {"variable": pl.String, "unit": pl.String, "factor": pl.Float64, "offset": pl.Float64},
            orient="row",
        )
        alias = pl.col("variable").cast(pl.String).str.to_lowercase().str.strip_chars().alias("alias")
        value = pl.col("value").cast(pl.Float64, strict=False)
        is_own = pl.col("unit").is_null() | (pl.col("unit") == "") | (pl.col("unit") == pl.col("own"))
        return (
            events.select("series", "hours", alias, value, unit.alias("unit"))
            .join(known, on="alias", how="left", maintain_order="left", build_side="force_right")
            .join(lines, on=["variable", "unit"], how="left", maintain_order="left", build_side="force_right")
            .with_columns(
                pl.when(is_own)
                .then("value")
                .otherwise(pl.col("value") * pl.col("factor") + pl.col("offset"))
                .alias("value")
            )
            .with_columns(
                pl.when(pl.col("variable").is_null())
                .then(pl.lit("variable not used"))
                .when(~is_own & pl.col("factor").is_null())
                .then(pl.lit("unit not known"))
                .when(pl.col("value").is_null() | pl.col("value").is_nan())
                .then(pl.lit("no number"))
                .when((pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high")))
                .then(pl.lit("outside plausible limits"))
                .when(pl.col("hours").is_null())
                .then(pl.lit("no time"))
                .otherwise(None)
                .alias("flaw")
            )
            .select("series", "hours", "variable", pl.col("value").cast(pl.Float32), "flaw")
        )


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
