"""Files of a data set in the Medical Event Data Standard (MEDS): events and splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from medkd.errors import InputError

METADATA = "metadata/dataset.json"
SPLITS = "metadata/subject_splits.parquet"
FOLDS = {"train": 0, "tuning": 1, "held_out": 2}
"""The standard's names of its three parts, as official folds."""


COLUMNS = ("subject_id", "time", "code", "numeric_value", "unit")
"""Of events; ``unit`` is an extension of some data sets."""


def event_files(root: Path) -> list[Path]:
    """Parquet files of events: the shards below ``data/``, or without such a folder those in the root itself."""
    folder = root / "data"
    return sorted(folder.rglob("*.parquet")) if folder.is_dir() else sorted(root.glob("*.parquet"))


def scan_meds(root: Path) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Events as ``subject_id``, ``time``, ``code``, ``numeric_value``, ``unit``, and departures from the standard.

    Raises:
        InputError: there is no Parquet file, one is damaged, or a column is missing.
    """
    files = event_files(root)
    if not files:
        raise InputError("no Parquet file of events", where=root, remedy="Give the folder that holds data/**/*.parquet")
    shards: dict[tuple[tuple[str, pl.DataType], ...], list[Path]] = {}
    for file in files:
        shards.setdefault(tuple(_schema(file, root).items()), []).append(file)
    columns = {name for schema in shards for name, _ in schema}
    departures: list[str] = []
    value = "numeric_value"
    if value not in columns and "value" in columns:
        departures.append("values stand in column 'value'; MEDS calls it 'numeric_value'")
        value = "value"
    for column in ("subject_id", "time", "code", value):
        if column not in columns:
            raise InputError(f"events have no column '{column}'", where=root, remedy=f"They have: {', '.join(columns)}")
    if len({tuple(kind for _, kind in schema) for schema in shards}) > 1:
        departures.append("shards write numbers, times or codes in different types")
    if not (root / SPLITS).is_file():
        departures.append(f"there is no {SPLITS}: subjects are split by k-fold 5")
    events = [
        _standard(pl.scan_parquet(paths, extra_columns="ignore"), dict(schema), value, root)
        for schema, paths in shards.items()
    ]
    return pl.concat(events), tuple(departures)


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Report what polars finds wrong while it reads the events in one sentence.

    Raises:
        InputError: a file is damaged, or holds something that is not an event.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "events cannot be read: a shard is damaged, or holds values that are not of its column",
            where=root,
            remedy="Write subject_id as integers, and the shards again",
        ) from error


def _schema(file: Path, root: Path) -> dict[str, pl.DataType]:
    """Types of a shard's columns that are used.

    Raises:
        InputError: it is not Parquet, or its times are not timestamps.
    """
    try:
        schema = pl.read_parquet_schema(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError("is not Parquet, or is damaged", where=file, remedy="Write it again") from error
    time = schema.get("time")
    # Durations would be read as microseconds from 1970.
    if time is not None and not isinstance(time, pl.Datetime | pl.Date):
        raise InputError(f"column 'time' holds {time}", where=file, remedy="Write timestamps in microseconds")
    return {name: schema[name] for name in (*COLUMNS, "value") if name in schema}


def _standard(events: pl.LazyFrame, schema: Mapping[str, pl.DataType], value: str, root: Path) -> pl.LazyFrame:
    """Shards of one schema in the standard's types; numbers of another width keep their values."""
    for column in ("subject_id", "time", "code"):
        if column not in schema:
            raise InputError(
                f"shards differ: some have no column '{column}'", where=root, remedy="Write all of them as MEDS says"
            )
    number = pl.col(value) if value in schema else pl.lit(None, dtype=pl.Float64)
    unit = pl.col("unit") if "unit" in schema else pl.lit(None, dtype=pl.String)
    return events.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("time").cast(pl.Datetime("us")),
        pl.col("code").cast(pl.String),
        number.cast(pl.Float64, strict=False).alias("numeric_value"),
        unit.cast(pl.String).alias("unit"),
    )


def official_folds(root: Path) -> pl.DataFrame | None:
    """``subject_id`` and ``official_fold`` (0 train, 1 tuning, 2 held out); None where no split is published.

    Raises:
        InputError: the file is damaged, lacks a column, puts a subject in two parts, or names other parts.
    """
    path = root / SPLITS
    if not path.is_file():
        return None
    try:
        table = (
            pl.read_parquet(path).select(pl.col("subject_id").cast(pl.Int64), pl.col("split").cast(pl.String)).unique()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "is not a table with the columns subject_id and split", where=path, remedy="Write it as MEDS says"
        ) from error
    if twice := table["subject_id"].is_duplicated().sum():
        raise InputError(f"{twice} rows put a subject in two parts", where=path, remedy="Give each subject one part")
    strange = sorted(set(table["split"].drop_nulls()) - set(FOLDS))
    if strange:
        raise InputError(f"unknown part '{strange[0]}'", where=path, remedy=f"Choose from: {', '.join(FOLDS)}")
    return table.select(
        "subject_id", pl.col("split").replace_strict(FOLDS, return_dtype=pl.Int64).alias("official_fold")
    )
