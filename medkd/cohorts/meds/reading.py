"""Files of a data set in the Medical Event Data Standard (MEDS): events and splits."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkd.errors import InputError

METADATA = "metadata/dataset.json"
SPLITS = "metadata/subject_splits.parquet"
FOLDS = {"train": 0, "tuning": 1, "held_out": 2}
"""The standard's names of its three parts, as official folds."""


def event_files(root: Path) -> list[Path]:
    """Parquet files of events: the shards below ``data/``, or without such a folder those in the root itself."""
    folder = root / "data"
    return sorted(folder.rglob("*.parquet")) if folder.is_dir() else sorted(root.glob("*.parquet"))


def scan_meds(root: Path) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Events as ``subject_id``, ``time``, ``code``, ``numeric_value``, and departures from the standard, one per line.

    Raises:
        InputError: there is no Parquet file, one is damaged, or a column is missing.
    """
    files = event_files(root)
    if not files:
        raise InputError("no Parquet file of events", where=root, remedy="Give the folder that holds data/**/*.parquet")
    try:
        published = pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore")
        schema = published.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "holds a file that is not Parquet, or shards that differ", where=root, remedy="Write it again"
        ) from error
    departures: list[str] = []
    value = "numeric_value"
    if value not in schema and "value" in schema:
        departures.append("values stand in column 'value'; MEDS calls it 'numeric_value'")
        value = "value"
    for column in ("subject_id", "time", "code", value):
        if column not in schema:
            raise InputError(f"events have no column '{column}'", where=root, remedy=f"They have: {', '.join(schema)}")
    if not schema["time"].is_temporal():
        raise InputError(f"column 'time' holds {schema['time']}", where=root, remedy="Write timestamps in microseconds")
    if not (root / SPLITS).is_file():
        departures.append(f"there is no {SPLITS}: subjects are split by k-fold 5")
    events = published.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("time").cast(pl.Datetime("us")),
        pl.col("code").cast(pl.String),
        pl.col(value).cast(pl.Float64).alias("numeric_value"),
    )
    return events, tuple(departures)


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
