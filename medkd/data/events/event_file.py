"""Event files in the forms in which people write them: long or wide, Parquet or text, with or without units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from medkd.data.io.text import head_of, is_text_table, names_in, separator_of, table_of, text_of
from medkd.errors import RecordError

MOST_ROWS = 50_000_000
"""Of a file that is read as a whole, at most."""
UNIT_COLUMNS = ("unit", "units", "uom", "valueuom")
"""Names of a column of units; the first that a file has is used."""
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "--", "---", ".", "?")
"""Entries that stand for no value, in lower case."""
_KEYS = ("series", "hours")
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_TEMPORAL = (pl.Duration, pl.Datetime, pl.Date, pl.Time)


def is_table(path: Path) -> bool:
    """Whether a file may be an event file, by its name."""
    return path.name.lower().endswith(".parquet") or is_text_table(path)


def event_columns(path: Path) -> tuple[str, ...]:
    """Columns of an event file, as written but for the case of ``hours`` and its like; empty for any other file."""
    if not is_table(path) or not path.is_file():
        return ()
    try:
        if path.name.lower().endswith(".parquet"):
            columns = list(pl.read_parquet_schema(path))
        else:
            columns = names_in(head_of(path).partition("\n")[0].rstrip("\r"))
    except (pl.exceptions.PolarsError, OSError, ValueError):
        return ()
    renamed = _renamed(columns)
    columns = [renamed.get(name, name) for name in columns]
    return tuple(columns) if "hours" in columns else ()


def read_event_file(path: Path) -> pl.DataFrame:
    """Every value of an event file, one per row.

    Columns: ``series`` (text, where the file has it), ``hours`` (null: not known), ``variable``, ``unit`` (null: not
    stated), ``value``, and ``word``: what stands in the value's place and is not a number, else null.

    Raises:
        RecordError: the file is damaged, lacks a column, or writes hours as something else.
    """
    if path.name.lower().endswith(".parquet"):
        table, separator = _parquet(path), ","
    else:
        text = text_of(path)
        table, separator = table_of(text, path.name), separator_of(text.partition("\n")[0])
    return long_form(table, path.name, comma=separator != ",")


def long_form(table: pl.DataFrame, where: str, comma: bool = False) -> pl.DataFrame:
    """A table in either form, as ``read_event_file`` returns it.

    Args:
        table: its columns are named in any case.
        where: the file's name.
        comma: numbers may have a decimal comma, since columns are not separated by one.

    Raises:
        RecordError: as ``read_event_file``.
    """
    table = table.rename(_renamed(table.columns))
    if "hours" not in table.columns:
        raise RecordError(
            "has no column 'hours'",
            where=where,
            remedy="Give hours, variable, value; or hours and a column per variable",
        )
    keys = [name for name in _KEYS if name in table.columns]
    is_long = {"variable", "value"} <= set(table.columns)
    _refuse_times(table, ("hours", "value") if is_long else ("hours",), where)
    values = ["value"] if is_long else [name for name in table.columns if name not in (*keys, "unit")]
    comma = comma and _has_decimal_comma(table, ["hours", *values], where)
    hours, words = _number(table, "hours", comma)
    if words.count():
        raise RecordError("holds a word where a number belongs", where=where, remedy="Write hours as numbers")
    table = table.with_columns(hours.alias("hours"), *(pl.col("series").cast(pl.String) for _ in keys[:-1]))
    has_unit = "unit" in table.columns
    if has_unit and not is_long and len(values) > 1:
        raise RecordError(
            f"has one column of units for {len(values)} columns of values",
            where=where,
            remedy="Write the unit in each column's name: glucose (mmol/L)",
        )
    unit = pl.col("unit").cast(pl.String) if has_unit else pl.lit(None, dtype=pl.String)
    if is_long:
        number, word = _number(table, "value", comma)
        return table.select(
            *keys, pl.col("variable").cast(pl.String), unit.alias("unit"), number.alias("value"), word.alias("word")
        ).filter(~pl.all_horizontal(pl.exclude(*_KEYS).is_null()))
    parts = []
    for name in values:
        number, word = _number(table, name, comma)
        cells = table.select(
            *keys,
            pl.lit(name).alias("variable"),
            unit.alias("unit"),
            number.alias("value"),
            word.alias("word"),
        )
        # An empty cell of a wide table is not a value.
        parts.append(cells.filter(pl.col("value").is_not_null() | pl.col("word").is_not_null()))
    return pl.concat(parts) if parts else _nothing(keys)


def _renamed(columns: Sequence[str]) -> dict[str, str]:
    """Columns that are written otherwise → ``series``, ``hours``, ``variable``, ``value``, ``unit``."""
    lower = {name.strip().lower(): name for name in reversed(columns)}
    wanted = {name: (name,) for name in ("series", "hours", "variable", "value")} | {"unit": UNIT_COLUMNS}
    renamed: dict[str, str] = {}
    for name, spellings in wanted.items():
        written = next((lower[spelling] for spelling in spellings if spelling in lower), None)
        if written is not None and written != name and name not in columns:
            renamed[written] = name
    return renamed


def _parquet(path: Path) -> pl.DataFrame:
    try:
        # Its footer has the number of rows: a few bytes may unpack to billions.
        rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
        if rows > MOST_ROWS:
            raise RecordError(
                f"holds {rows:,} rows, {MOST_ROWS:,} at most", where=path.name, remedy="Write a file per stay"
            )
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise RecordError("is not a readable event table", where=path.name, remedy="Write Parquet or CSV") from error


def _refuse_times(table: pl.DataFrame, columns: Sequence[str], where: str) -> None:
    for name in columns:
        kind = table.schema[name]
        if isinstance(kind, _TEMPORAL):
            # As bare numbers they would be counts of microseconds.
            raise RecordError(
                f"column '{name}' holds {'durations' if isinstance(kind, pl.Duration) else 'times'}, not numbers",
                where=where,
                remedy="Write hours from the start of the record, as numbers",
            )


def _has_decimal_comma(table: pl.DataFrame, columns: Sequence[str], where: str) -> bool:
    """Whether numbers are written with a comma; with a comma here and a point there they cannot be told apart."""
    text = [name for name in columns if table.schema[name] == pl.String]
    comma = any(table[name].str.contains(_DECIMAL_COMMA).any() for name in text)
    if comma and any(table[name].str.contains(r"^[+-]?\d+\.\d+$").any() for name in text):
        raise RecordError(
            "writes some numbers with a decimal comma and some with a point",
            where=where,
            remedy="Write all of them with a point",
        )
    return comma


def _number(table: pl.DataFrame, name: str, comma: bool) -> tuple[pl.Series, pl.Series]:
    """The numbers of a column, and the words in it that are neither numbers nor stand for no value."""
    cells = table[name]
    nothing = pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(cells))
    if cells.dtype.is_numeric() or cells.dtype == pl.Boolean:
        return cells.cast(pl.Float64), nothing
    if cells.dtype != pl.String:
        kind = str(cells.dtype.base_type())
        return cells.is_null().cast(pl.Float64).replace_strict({1.0: None, 0.0: None}, return_dtype=pl.Float64), (
            table.select(pl.when(pl.col(name).is_not_null()).then(pl.lit(kind)).alias(name))[name]
        )
    text = cells.str.strip_chars()
    number = (text.str.replace(",", ".", literal=True) if comma else text).cast(pl.Float64, strict=False)
    is_word = number.is_null() & text.is_not_null() & ~text.str.to_lowercase().is_in(list(MISSING))
    return number, table.select(pl.when(is_word).then(text).alias(name))[name]


def _nothing(keys: Sequence[str]) -> pl.DataFrame:
    kinds = {"series": pl.String, "hours": pl.Float64}
    return pl.DataFrame(
        schema={**{name: kinds[name] for name in keys}, "variable": pl.String, "unit": pl.String}
        | {"value": pl.Float64, "word": pl.String}
    )
