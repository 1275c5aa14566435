"""Labels of samples, joined with predictions in the form that ``medkd.evidence`` takes."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.deploy.inference.predictions import CALIBRATED, RAW
from medkd.evidence.calibration.conformal import VALUES
from medkd.evidence.figures.appearance import HERE
from medkd.evidence.scoring import SCORED, group_columns
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import Array

CARRIED = ("time", "set", "drift")
"""Columns that come along where they are known."""


def with_labels(samples: pl.DataFrame, target: Target) -> pl.DataFrame:
    """The sample table with a column ``y_CLASS`` for each class: 0, 1 or a value; null where unlabelled.

    >>> grade = Target("g", "multiclass", ("grade",), ("low", "high"))
    >>> with_labels(pl.DataFrame({"sample_id": ["a", "b"], "grade": [1, None]}), grade)["y_high"].to_list()
    [1.0, None]
    """
    if target.kind == "multiclass":
        index = pl.col(target.columns[0])
        return samples.with_columns(
            (index == number).cast(pl.Float64).alias(f"y_{name}") for number, name in enumerate(target.names)
        )
    pairs = zip(target.names, target.columns, strict=True)
    return samples.with_columns(pl.col(column).cast(pl.Float64).alias(f"y_{name}") for name, column in pairs)


def labelled_predictions(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    target: Target,
    threshold: dict[str, float | None],
    settings: EvidenceSettings,
) -> pl.DataFrame:
    """Predictions with their labels, one row per sample and class, as ``medkd.evidence`` takes them.

    One arm, one seed, one fold. Samples without any label are left out.

    Args:
        predictions: a run's table.
        labels: ``sample_id``, ``subject_id``, ``y_CLASS``, and where known ``sex``, ``age``, ``site``, ``time``.
        target: what is predicted.
        threshold: of the bundle, by class.
        settings: the subgroups.
    """
    groups = group_columns(labels, settings)
    known = [
        "sample_id",
        "subject_id",
        *(["time"] if "time" in labels.columns else []),
        *(f"y_{name}" for name in target.names),
    ]
    joined = predictions.join(labels.select(known), on="sample_id")
    joined = joined.filter(pl.any_horizontal(pl.col(f"y_{name}").is_not_null() for name in target.names))
    carried = [name for name in CARRIED if name in joined.columns]
    is_value = target.kind in VALUES
    parts = [
        joined.select(
            pl.col("sample_id").alias("sample"),
            pl.col("subject_id").alias("subject"),
            pl.lit(1.0).alias("label_fraction"),
            pl.lit(HERE).alias("arm"),
            pl.lit(0, dtype=pl.Int64).alias("seed"),
            pl.lit(0, dtype=pl.Int64).alias("fold"),
            pl.lit(name).alias("class"),
            pl.col(f"{RAW}{name}").alias("score"),
            pl.col(f"{RAW if is_value else CALIBRATED}{name}").alias("calibrated"),
            pl.lit(threshold.get(name), dtype=pl.Float64).alias("threshold"),
            pl.lit(None, dtype=pl.Float64).alias("temperature"),
            pl.col(f"y_{name}").alias("y"),
            *carried,
        )
        for name in target.names
    ]
    scored = pl.concat(parts).select(*SCORED, *carried)
    return scored.join(groups, on="sample", how="left", maintain_order="left")


def class_matrix(scored: pl.DataFrame, target: Target, column: str) -> Array:
    """A column of one arm's rows as "sample class", samples in the order of their names; NaN where it is null."""
    rank = {name: index for index, name in enumerate(target.names)}
    table = scored.with_columns(pl.col("class").replace_strict(rank, return_dtype=pl.Int64).alias("_class")).sort(
        "sample", "_class"
    )
    values: Array = table[column].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, len(target.names))
    return values
