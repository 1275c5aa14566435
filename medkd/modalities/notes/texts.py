"""Timed texts, and the files that hold those of many series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from medkd.data.io.atomic import writing
from medkd.errors import RecordError

COLUMNS = {"series": pl.String, "hours": pl.Float64, "text": pl.String}
SERIES_A_FILE = 1024


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
        """Only what was written in [start, end).

        >>> Texts((1.0, 24.0), ("stable", "died")).within(0, 24).texts
        ('stable',)
        """
        kept = [(hour, text) for hour, text in zip(self.hours, self.texts, strict=True) if start <= hour < end]
        return Texts(tuple(hour for hour, _ in kept), tuple(text for _, text in kept))


def write_texts(notes: pl.DataFrame, folder: Path, name: str) -> dict[str, str]:
    """Write texts as Parquet files of up to 1,024 series each, below ``folder/name``.

    Args:
        notes: columns ``series``, ``hours``, ``text``, nothing null.
        folder: what the returned paths are relative to.
        name: of the modality.

    Returns:
        The file of each series that has a text.
    """
    # By the text too: notes of one hour have an order, whatever the order of their rows.
    table = notes.select(pl.col(column).cast(kind) for column, kind in COLUMNS.items()).sort("series", "hours", "text")
    files: dict[str, str] = {}
    series = table["series"].unique(maintain_order=True)
    number = table["series"].rle_id() // SERIES_A_FILE if table.height else pl.Series([], dtype=pl.UInt32)
    for place in range(0, -(-len(series) // SERIES_A_FILE)):
        path = f"{name}/{place:05d}.parquet"
        with writing(folder / path) as temporary:
            table.filter(number == place).write_parquet(temporary)
        files |= dict.fromkeys(series[place * SERIES_A_FILE : (place + 1) * SERIES_A_FILE], path)
    return files


def read_texts(path: Path, series: str | None, zero_hour: float = 0.0) -> Texts:
    """Texts of one series, hours counted from ``zero_hour`` of it.

    Args:
        path: Parquet or CSV with ``hours`` and ``text``, and if it holds several ``series``; or a plain ``.txt``,
            written at hour 0.
        series: whose; may be None where the file has no such column.
        zero_hour: the sample's time zero, in hours of the series.

    Raises:
        RecordError: the file is missing, damaged, lacks a column, or has no text of that series.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise RecordError(f"no such file: {path.name}", where=str(path.parent), remedy="Check the path") from error
    held = _file(path, stamp)
    found = held.get("" if "" in held else series or "")
    if found is None:
        raise RecordError("holds no text of this series", where=path.name)
    return Texts(tuple(hour - zero_hour for hour in found.hours), found.texts)


@lru_cache(maxsize=8)
def _file(path: Path, stamp: int) -> Mapping[str, Texts]:
    """Texts by series, "" where the file has none; ``stamp`` is its time of change.

    One that was written anew is read anew.
    """
    try:
        if path.suffix == ".txt":
            return {"": Texts((0.0,), (path.read_text(encoding="utf-8"),))}
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise RecordError("is no readable table of texts", where=path.name, remedy="Write Parquet or CSV") from error
    if not {"hours", "text"} <= set(table.columns):
        raise RecordError(
            "has no columns 'hours' and 'text'", where=path.name, remedy="Give hours, text and if need be series"
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
