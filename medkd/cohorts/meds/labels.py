"""Labels in MEDS's own schema: who, when asked, and the answer."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkd.cohorts.icu.exclusions import exclude
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Kind, Target
from medkd.errors import InputError

LABELS = "labels"
"""Folder of the root: ``labels/NAME/**/*.parquet``, or ``labels/NAME.parquet``, are the labels of target NAME."""
KINDS: dict[str, Kind] = {
    "boolean_value": "binary",
    "categorical_value": "multiclass",
    "integer_value": "regression",
    "float_value": "regression",
}
SEEN = 24
"""Hours before ``prediction_time`` that lie after a sample's time zero."""


def label_files(root: Path) -> dict[str, list[Path]]:
    """The files of each target, by its name."""
    folder = root / LABELS
    found = {held.name: sorted(held.rglob("*.parquet")) for held in sorted(folder.glob("*")) if held.is_dir()}
    found |= {held.stem: [held] for held in sorted(folder.glob("*.parquet"))}
    return {name: files for name, files in found.items() if files}


def label_target(root: Path, name: str) -> Target:
    """What the labels of that name ask: a binary, multiclass or regression target.

    Raises:
        InputError: the files are no labels as MEDS defines them.
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
    """``subject_id``, ``time`` (when it is asked) and ``label``: 0 or 1, a class's place, or a number.

    Null where the answer is null.

    Raises:
        InputError: the files are no labels as MEDS defines them.
    """
    table, column = _labels(root, name)
    if KINDS[column] == "multiclass":
        classes = table[column].drop_nulls().unique().sort()
        label = pl.col(column).replace_strict(classes, pl.Series(range(len(classes)), dtype=pl.Float64), default=None)
    else:
        label = pl.col(column)
    asked = table.select("subject_id", pl.col("prediction_time").alias("time"), label.cast(pl.Float64).alias("label"))
    return exclude(
        asked,
        {
            "label without a subject or a time": pl.col("subject_id").is_null() | pl.col("time").is_null(),
            "label of a subject and time that has one": ~pl.struct("subject_id", "time").is_first_distinct(),
        },
    )


def _labels(root: Path, name: str) -> tuple[pl.DataFrame, str]:
    """The whole table, and the one column of answers that holds any."""
    where = root / LABELS / name
    try:
        table = pl.read_parquet(label_files(root)[name], missing_columns="insert")
        table = table.with_columns(
            pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "are no labels with subject_id and prediction_time", where=where, remedy="Write them as MEDS says"
        ) from error
    answers = [column for column in KINDS if column in table.columns and table[column].count()]
    if len(answers) != 1:
        raise InputError(
            f"labels have {len(answers)} columns of answers", where=where, remedy=f"Fill one of {', '.join(KINDS)}"
        )
    return table, answers[0]
