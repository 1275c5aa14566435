"""Labels in MEDS's own schema: subject, time of prediction, value."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkd.cohorts.icu.exclusions import exclude
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Kind, Target
from medkd.errors import InputError

LABELS = "labels"
"""Folder in the root: ``labels/NAME/**/*.parquet``, or ``labels/NAME.parquet``, are the labels of target NAME."""
KINDS: dict[str, Kind] = {
    "boolean_value": "binary",
    "categorical_value": "multiclass",
    "integer_value": "regression",
    "float_value": "regression",
}
SEEN = 24
"""Hours from a sample's time zero to its ``prediction_time``."""


def label_files(root: Path) -> dict[str, list[Path]]:
    """The files of each target, by its name."""
    folder = root / LABELS
    by_name = {path.name: sorted(path.rglob("*.parquet")) for path in sorted(folder.glob("*")) if path.is_dir()}
    by_name |= {path.stem: [path] for path in sorted(folder.glob("*.parquet"))}
    return {name: files for name, files in by_name.items() if files}


def label_target(root: Path, name: str) -> Target:
    """The target of the labels of that name: binary, multiclass or regression.

    Raises:
        InputError: the files are not labels as MEDS defines them.
    """
    table, column = _labels(root, name)
    kind = KINDS[column]
    classes = (
        tuple(table[column].drop_nulls().unique().sort())
        if kind == "multiclass"
        else (name,)
        if kind == "binary"
        else ()
    )
    rule = f"{column} of {LABELS}/{name}, asked at prediction_time, which is hour {SEEN}"
    return Target(name, kind, ("label",), classes, rule=rule, prediction_hour=SEEN)


def labelled(root: Path, name: str) -> tuple[pl.DataFrame, list[Exclusion]]:
    """``subject_id``, ``time`` (of prediction) and ``label``: 0 or 1, the index of a class, a number, or null.

    Raises:
        InputError: the files are not labels as MEDS defines them.
    """
    table, column = _labels(root, name)
    if KINDS[column] == "multiclass":
        classes = table[column].drop_nulls().unique().sort()
        label = pl.col(column).replace_strict(classes, pl.Series(range(len(classes)), dtype=pl.Float64), default=None)
    else:
        label = pl.col(column)
    labels = table.select("subject_id", pl.col("prediction_time").alias("time"), label.cast(pl.Float64).alias("label"))
    return exclude(
        labels,
        {
            "label without a subject or a time": pl.col("subject_id").is_null() | pl.col("time").is_null(),
            "label of a subject and time that has one": ~pl.struct("subject_id", "time").is_first_distinct(),
        },
    )


def _labels(root: Path, name: str) -> tuple[pl.DataFrame, str]:
    """The whole table, and the name of its one column of values that is not empty."""
    where = root / LABELS / name
    try:
        table = pl.read_parquet(label_files(root)[name], missing_columns="insert")
        if not isinstance(table.schema.get("prediction_time", pl.Datetime()), pl.Datetime | pl.Date):
            raise InputError(
                f"column 'prediction_time' holds {table.schema['prediction_time']}",
                where=where,
                remedy="Write timestamps in microseconds",
            )
        table = table.with_columns(
            pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "are not labels with subject_id and prediction_time", where=where, remedy="Write them as MEDS says"
        ) from error
    filled = [column for column in KINDS if column in table.columns and table[column].count()]
    if len(filled) != 1:
        raise InputError(
            f"labels have {len(filled)} columns of answers", where=where, remedy=f"Fill one of {', '.join(KINDS)}"
        )
    return table, filled[0]
