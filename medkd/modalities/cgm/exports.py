"""Exports of glucose sensors as patients and clinics have them: Dexcom Clarity, LibreView, and tables like them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from medkd.data.events.event_file import event_columns, read_event_file
from medkd.data.events.variables import named_unit
from medkd.data.io.moments import read_moments
from medkd.data.io.text import head_of, is_text_table, names_in, table_of, text_of
from medkd.errors import InputError, RecordError

UNITS = ("mg/dl", "mmol/l")
"""Of glucose, of which an export must state one."""
_SEARCHED = 12
"""Lines, from the first, that may be the line of names; LibreView writes one of its own before it."""
_TIMES = ("timestamp", "time", "datetime", "date time", "device timestamp", "event time", "display time", "local time")
_GLUCOSE = (
    "glucose",
    "gl",
    "sgv",
    "bg",
    "sensor glucose",
    "cgm",
    "glucose value",
    "sensor glucose value",
    "glucose reading",
)
_SENSOR = ("historic glucose", "scan glucose")
"""LibreView's two columns: readings of each quarter of an hour, and those that the wearer asked for."""
_PEOPLE = ("id", "subject_id", "patient_id", "subject", "patient", "participant", "participant id")
_KINDS = {"event type": ("egv",)}
"""Column of the kind of a row → the kinds that are sensor readings; other rows hold no glucose."""


class Layout(NamedTuple):
    """Columns of an export.

    Args:
        line: number of lines before the one that names the columns.
        time: column of times.
        glucose: columns of readings → the unit that each states, "" where it states none.
        person: column of people; "" where there is none.
        kind: column that tells readings from other rows; "" where there is none.
    """

    line: int
    time: str
    glucose: dict[str, str]
    person: str
    kind: str


def layout_of(path: Path) -> Layout | None:
    """Where an export keeps what; None for any other file."""
    if not is_text_table(path) or not path.is_file() or event_columns(path):
        return None
    for number, line in enumerate(head_of(path).splitlines()[:_SEARCHED]):
        columns = {name.lower(): name for name in names_in(line) if name}
        times = [name for name in columns if _bare(name) in _TIMES]
        glucose = {name: unit for name in columns if (unit := _unit_of(name)) is not None}
        if times and glucose:
            return Layout(
                number,
                columns[min(times, key=lambda name: _TIMES.index(_bare(name)))],
                {columns[name]: unit for name, unit in glucose.items()},
                next((columns[name] for name in _PEOPLE if name in columns), ""),
                next((columns[name] for name in _KINDS if name in columns), ""),
            )
    return None


def read_sensor_file(path: Path) -> pl.DataFrame:
    """A file of sensor glucose as rows of events: an event file, or an export, whose last reading is at hour 0.

    Raises:
        RecordError: it is neither, states no unit, or its times cannot be told.
    """
    layout = layout_of(path)
    return read_event_file(path) if layout is None else _read(path, layout)


def _read(path: Path, layout: Layout) -> pl.DataFrame:
    if unstated := [name for name, unit in layout.glucose.items() if not unit]:
        raise RecordError(
            f"states no unit for column '{unstated[0]}'",
            where=path.name,
            remedy=f"Name the column '{unstated[0]} (mg/dL)' or '{unstated[0]} (mmol/L)'",
        )
    lines = text_of(path).splitlines(keepends=True)
    table = table_of("".join(lines[layout.line :]), path.name)
    if layout.kind:
        kinds = _KINDS[layout.kind.lower()]
        # Rows of other kinds (the wearer's name, meals, calibrations) hold no reading of the sensor.
        table = table.filter(pl.col(layout.kind).str.to_lowercase().is_in(list(kinds)))
    try:
        times = read_moments(table[layout.time], path.name)
    except InputError as error:
        raise RecordError(error.what, where=error.where, remedy=error.remedy) from error
    table = table.with_columns(times.alias("at")).filter(pl.any_horizontal(pl.col(list(layout.glucose)).is_not_null()))
    series = [pl.col(layout.person).alias("series")] if layout.person else []
    last = pl.col("at").max().over(layout.person) if layout.person else pl.col("at").max()
    table = table.with_columns(((pl.col("at") - last).dt.total_microseconds() / 3.6e9).alias("hours"))
    parts = []
    for name, unit in layout.glucose.items():
        text = pl.col(name).str.replace(",", ".", literal=True)
        number = text.cast(pl.Float64, strict=False)
        parts.append(
            table.filter(pl.col(name).is_not_null()).select(
                *series,
                "hours",
                pl.lit("glucose").alias("variable"),
                pl.lit(unit).alias("unit"),
                number.alias("value"),
                pl.when(number.is_null()).then(pl.col(name)).alias("word"),
            )
        )
    return pl.concat(parts)


def _bare(name: str) -> str:
    """A column's name without what stands in brackets: Clarity's is "Timestamp (YYYY-MM-DDThh:mm:ss)"."""
    return name.partition("(")[0].strip()


def _unit_of(name: str) -> str | None:
    """The unit that the name of a column of glucose states, "" for none; None where the column is of something else.

    >>> _unit_of("glucose value (mg/dl)"), _unit_of("historic glucose mmol/l"), _unit_of("gl"), _unit_of("carbs (g)")
    ('mg/dl', 'mmol/l', '', None)
    """
    stated = named_unit(name)
    if stated is not None:
        known = stated[0].lower() in (*_GLUCOSE, *_SENSOR) and stated[1].lower() in UNITS
        return stated[1].lower() if known else None
    return "" if name in _GLUCOSE else None
