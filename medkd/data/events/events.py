"""Events: timed values of one sample from monitors, laboratories and sensors, and the files that hold many samples'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.events.event_file import read_event_file
from medkd.data.events.value_count import ValueCount
from medkd.data.io.atomic import writing
from medkd.errors import RecordError

COLUMNS = ("series", "hours", "variable", "value")
"""Of an event file; hours from the start of the series. A file without ``series`` holds one sample's events."""
SERIES_PER_FILE = 1024
ENTRY = ("variable", "unit", "word")
"""What rows of an event file have in common that are treated alike."""
ROWS_AT_ONCE = 4_000_000
"""Events that are sorted in memory; about 40 bytes each, three times over."""
Reader = Callable[[Path], pl.DataFrame]
"""Reads a file in the columns of ``read_event_file``."""


@dataclass(frozen=True)
class Events:
    """Events of one sample, in time order.

    Args:
        hours: "event", relative to the sample's time zero.
        variable: "event", indices into ``variables``.
        value: "event", in each variable's own unit.
        variables: names.
        window: hours that are covered; events are in [start, end).
        units: of each of ``variables`` as the file states it, None where it states none; empty: the variables' own.
        words: of each of ``variables``, what stands in its values' place; None, and empty, for numbers.
        count: of the sample's values before any was left out.
    """

    hours: NDArray[np.float64]
    variable: NDArray[np.int64]
    value: NDArray[np.float32]
    variables: tuple[str, ...]
    window: tuple[float, float] = (-np.inf, np.inf)
    units: tuple[str | None, ...] = ()
    words: tuple[str | None, ...] = ()
    count: ValueCount | None = None

    def within(self, start: float, end: float) -> Events:
        """Only the events in [start, end).

        >>> events = Events(np.array([0.0, 2.0]), np.array([0, 0]), np.array([1, 2], np.float32), ("heart_rate",))
        >>> events.within(0, 2).value.tolist()
        [1.0]
        """
        inside = (self.hours >= start) & (self.hours < end)
        return replace(
            self,
            hours=self.hours[inside],
            variable=self.variable[inside],
            value=self.value[inside],
            window=(start, end),
        )

    def merged(self, names: Sequence[str]) -> Events:
        """With each of ``variables`` under the name given for it, those of one name as one.

        >>> events = Events(np.zeros(2), np.array([0, 1]), np.ones(2, np.float32), ("HR", "pulse"), units=("bpm", "Hz"))
        >>> merged = events.merged(["heart_rate", "heart_rate"])
        >>> merged.variables, merged.variable.tolist(), merged.units
        (('heart_rate',), [0, 0], ())
        """
        once = tuple(dict.fromkeys(names))
        if once == tuple(names):
            return replace(self, variables=once, units=(), words=())
        index = np.array([once.index(name) for name in names], dtype=np.int64)
        return replace(self, variable=index[self.variable], variables=once, units=(), words=())

    def of(self, variables: Sequence[str]) -> Events:
        """Only these variables, in this order."""
        index = np.array([variables.index(name) if name in variables else -1 for name in self.variables] or [-1])
        variable = index[self.variable]
        wanted = variable >= 0
        return replace(
            self,
            hours=self.hours[wanted],
            variable=variable[wanted],
            value=self.value[wanted],
            variables=tuple(variables),
            units=(),
            words=(),
        )


def write_events(events: pl.LazyFrame, folder: Path, name: str) -> dict[str, str]:
    """Write events as Parquet files of up to 1,024 series each, below ``folder/name``.

    No more than ``ROWS_AT_ONCE`` rows, or those of 1,024 series, are in memory: the query is run once for each such
    part.

    Args:
        events: columns ``series`` (text), ``hours``, ``variable``, ``value``; rows with a null are left out.
        folder: that the returned paths are relative to.
        name: of the modality.

    Returns:
        The file of each series that has an event.
    """
    usable = events.select(COLUMNS).drop_nulls()
    series = usable.group_by("series").len().sort("series").collect(engine="streaming")
    files: dict[str, str] = {}
    for part in _parts([int(block["len"].sum()) for block in series.iter_slices(SERIES_PER_FILE)]):
        names = series["series"].slice(part.start * SERIES_PER_FILE, len(part) * SERIES_PER_FILE)
        table = usable.filter(pl.col("series").is_between(pl.lit(names[0]), pl.lit(names[-1]))).collect(
            engine="streaming"
        )
        # By all columns: rows come in any order, and those of one hour need a fixed one.
        table = table.sort(COLUMNS)
        ends = series["len"].slice(part.start * SERIES_PER_FILE, len(names)).cum_sum()
        first = 0
        for number, offset in zip(part, range(0, len(names), SERIES_PER_FILE), strict=True):
            block = names.slice(offset, SERIES_PER_FILE)
            path, end = f"{name}/{number:05d}.parquet", ends[offset + len(block) - 1]
            (folder / name).mkdir(parents=True, exist_ok=True)
            with writing(folder / path) as temporary:
                table[first:end].write_parquet(temporary)
            files |= dict.fromkeys(block, path)
            first = end
    return files


def _parts(rows: Sequence[int]) -> list[range]:
    """Consecutive files, as many at a time as ``ROWS_AT_ONCE`` rows allow, or one.

    >>> _parts([ROWS_AT_ONCE // 2, ROWS_AT_ONCE // 2, 1, 2 * ROWS_AT_ONCE])
    [range(0, 2), range(2, 3), range(3, 4)]
    """
    parts: list[range] = []
    total = 0
    for number, count in enumerate(rows):
        if parts and total + count <= ROWS_AT_ONCE:
            parts[-1] = range(parts[-1].start, number + 1)
        else:
            parts.append(range(number, number + 1))
            total = 0
        total += count
    return parts


def read_events(path: Path, series: str | None, zero_hour: float = 0.0) -> Events:
    """Events of one series, hours counted from ``zero_hour`` of it; rows without a time or a value are left out.

    Args:
        path: Parquet or CSV, long (``hours, variable, value``) or wide (``hours`` and a column per variable), with or
            without ``series``.
        series: its name; may be None where the file has no such column.
        zero_hour: the sample's time zero, in hours of the series.

    Raises:
        RecordError: the file is missing, damaged, lacks a column, has no event of that series, or has a word for a
            value.
    """
    events = published_events(path, series, zero_hour)
    if any(events.words[entry] is not None for entry in np.unique(events.variable)):
        raise RecordError(
            "holds a word where a number belongs", where=path.name, remedy="Write hours and values as numbers"
        )
    known = np.isfinite(events.hours) & ~np.isnan(events.value)
    return replace(
        events, hours=events.hours[known], variable=events.variable[known], value=events.value[known]
    ).merged(events.variables)


def published_events(
    path: Path,
    series: str | None,
    zero_hour: float = 0.0,
    *,
    is_named: bool = True,
    reader: Reader = read_event_file,
) -> Events:
    """Every row of one series as the file has it, with units and words; an hour or a value that is not there is NaN.

    Args:
        path, series, zero_hour: as for ``read_events``.
        is_named: whether the series was named by the user; otherwise a file of one series is read whatever its name.
        reader: of the file, with the columns of ``read_event_file``.

    Raises:
        RecordError: the file is missing, damaged, lacks a column, or has no event of that series.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise RecordError(f"no such file: {path.name}", where=str(path.parent), remedy="Check the path") from error
    file = _file(path, stamp, reader)
    start, end = file.span(series, path, is_named)
    events = file.events
    hours = events.hours[start:end] - zero_hour
    return replace(events, hours=hours, variable=events.variable[start:end], value=events.value[start:end])


def series_of(row: Mapping[str, Any]) -> tuple[str | None, float]:
    """The series of a sample (else its id, else None), and its time zero in hours of that series.

    >>> series_of({"sample_id": "7-4", "series": 7, "zero_hour": -20.0}), series_of({"sample_id": "7"})
    (('7', -20.0), ('7', 0.0))
    """
    series = row.get("series") or row.get("sample_id")
    return None if series is None else str(series), float(row.get("zero_hour") or 0.0)


@dataclass(frozen=True)
class _File:
    """An event file in memory, series after series."""

    events: Events
    spans: Mapping[str, tuple[int, int]] | None

    def span(self, series: str | None, path: Path, is_named: bool) -> tuple[int, int]:
        if self.spans is None:
            return 0, len(self.events.hours)
        span = None if series is None else self.spans.get(series)
        if span is None and not (is_named and series is not None):
            if len(self.spans) == 1:
                return next(iter(self.spans.values()))
            raise RecordError(
                f"holds {len(self.spans)} series and none was named",
                where=path.name,
                remedy="Give a manifest that names one per item in a column 'series'",
            )
        if span is None:
            raise RecordError(
                "holds no event of this series", where=path.name, remedy="Check the name in the column 'series'"
            )
        return span


@lru_cache(maxsize=8)
def _file(path: Path, stamp: int, reader: Reader) -> _File:
    """``stamp`` is the file's time of change: a file that was rewritten is read again."""
    table = _read(path, reader)
    if "series" in table.columns:
        table = table.drop_nulls("series")
    if table.is_empty():
        raise RecordError("holds no event", where=path.name, remedy="Export it again, or leave it out")
    table = table.sort(["series", "hours"] if "series" in table.columns else ["hours"], maintain_order=True)
    entries = table.select(ENTRY).unique().sort(ENTRY, nulls_last=True)
    code = table.select(ENTRY).join(
        entries.with_row_index("code"), on=ENTRY, how="left", nulls_equal=True, maintain_order="left"
    )["code"]
    names, units, words = (tuple(entries[column].to_list()) for column in ENTRY)
    # Without a time an event is not a number either: it is counted, and never used.
    events = Events(
        table["hours"].fill_null(float("nan")).to_numpy(),
        code.cast(pl.Int64).to_numpy(),
        table["value"].fill_null(float("nan")).cast(pl.Float32).to_numpy(),
        tuple("" if name is None else name for name in names),
        units=units,
        words=words,
    )
    if "series" not in table.columns:
        return _File(events, None)
    runs = table["series"].rle().struct.unnest()
    ends = runs["len"].cum_sum()
    return _File(
        events,
        {value: (end - length, end) for value, length, end in zip(runs["value"], runs["len"], ends, strict=True)},
    )


def _read(path: Path, reader: Reader) -> pl.DataFrame:
    return reader(path)
