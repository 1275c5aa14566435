"""Texts with their times, and files of the texts of many series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from medkd.data.io.atomic import writing
from medkd.data.io.text import decoded, table_of, text_of
from medkd.errors import RecordError

COLUMNS = {"series": pl.String, "hours": pl.Float64, "text": pl.String}
SERIES_PER_FILE = 1024


@dataclass(frozen=True)
class Texts:
    """Texts of one sample in the order of time.

    Args:
        hours: of each text, relative to the sample's time zero.
        texts: as written.
    """

    hours: tuple[float, ...]
    texts: tuple[str, ...]

    def within(self, start: float, end: float) -> Texts:
        """Only the texts of [start, end).

        >>> Texts((1.0, 24.0), ("stable", "died")).within(0, 24).texts
        ('stable',)
        """
        pairs = [(hour, text) for hour, text in zip(self.hours, self.texts, strict=True) if start <= hour < end]
        return Texts(tuple(hour for hour, _ in pairs), tuple(text for _, text in pairs))


def write_texts(notes: pl.DataFrame, folder: Path, name: str) -> dict[str, str]:
    """Write texts as Parquet files of up to 1,024 series each, below ``folder/name``.

    Args:
        notes: columns ``series``, ``hours``, ``text``, nothing null.
        folder: what the returned paths are relative to.
        name: of the modality.

    Returns:
        The file of each series that has a text.
    """
    # By the text too, so that notes of one hour have an order, whatever that of their rows.
    table = notes.select(pl.col(column).cast(kind) for column, kind in COLUMNS.items()).sort("series", "hours", "text")
    files: dict[str, str] = {}
    series = table["series"].unique(maintain_order=True)
    number = table["series"].rle_id() // SERIES_PER_FILE if table.height else pl.Series([], dtype=pl.UInt32)
    for index in range(-(-len(series) // SERIES_PER_FILE)):
        path = f"{name}/{index:05d}.parquet"
        with writing(folder / path) as temporary:
            table.filter(number == index).write_parquet(temporary)
        files |= dict.fromkeys(series[index * SERIES_PER_FILE : (index + 1) * SERIES_PER_FILE], path)
    return files


def read_texts(path: Path, series: str | None, zero_hour: float = 0.0, *, is_named: bool = True) -> Texts:
    """Texts of one series, hours counted from ``zero_hour`` of it.

    Args:
        path: Parquet or CSV with ``hours``, ``text`` and, for several series, ``series``; or a plain ``.txt``, whose
            hour is 0.
        series: may be None where the file has no such column.
        zero_hour: the sample's time zero, in hours of the series.
        is_named: whether the series was named by the user; otherwise a file of one series is read whatever its name.

    Raises:
        RecordError: the file is missing, damaged, lacks a column, or has no text of that series.
    """
    try:
        modified_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise RecordError(f"no such file: {path.name}", where=str(path.parent), remedy="Check the path") from error
    by_series = _file(path, modified_ns)
    texts = by_series.get("" if "" in by_series else series or "")
    if texts is None and not (is_named and series is not None):
        if len(by_series) != 1:
            raise RecordError(
                f"holds {len(by_series)} series and none was named",
                where=path.name,
                remedy="Give a manifest that names one per item in a column 'series'",
            )
        texts = next(iter(by_series.values()))
    if texts is None:
        raise RecordError("holds no text of this series", where=path.name)
    return Texts(tuple(hour - zero_hour for hour in texts.hours), texts.texts)


@lru_cache(maxsize=8)
def _file(path: Path, modified_ns: int) -> Mapping[str, Texts]:
    """Texts by series, "" where the file has none; read again when its time of change, in the key, is another."""
    try:
        if path.suffix.lower() == ".txt":
            return {"": Texts((0.0,), (decoded(path.read_bytes()),))}
        is_parquet = path.name.lower().endswith(".parquet")
        table = pl.read_parquet(path) if is_parquet else table_of(text_of(path), path.name)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise RecordError("is not a readable table of texts", where=path.name, remedy="Write Parquet or CSV") from error
    lower = {name: name.strip().lower() for name in table.columns}
    table = table.rename({name: key for name, key in lower.items() if key in COLUMNS and key not in lower})
    if not {"hours", "text"} <= set(table.columns):
        raise RecordError(
            "has no columns 'hours' and 'text'", where=path.name, remedy="Give hours, text and if need be series"
        )
    if table.schema["hours"].is_temporal():
        raise RecordError(
            "column 'hours' holds times or durations, not numbers",
            where=path.name,
            remedy="Write hours from the start of the record, as numbers",
        )
    if "series" not in table.columns:
        table = table.with_columns(pl.lit("").alias("series"))
    try:
        table = (
            table.select(pl.col(column).cast(kind) for column, kind in COLUMNS.items())
            .drop_nulls()
            .sort("series", "hours", "text")
        )
    except pl.exceptions.PolarsError as error:
        raise RecordError(
            "holds a word where an hour belongs", where=path.name, remedy="Write hours as numbers"
        ) from error
    parts = table.partition_by("series", as_dict=True, maintain_order=True)
    return {str(key): Texts(tuple(part["hours"]), tuple(part["text"])) for (key,), part in parts.items()}
