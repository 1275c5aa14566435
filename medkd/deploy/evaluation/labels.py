"""What became of each sample, in the form that predictions are held against."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.evidence.calibration.conformal import VALUES
from medkd.evidence.figures.appearance import HERE
from medkd.evidence.scoring import SCORED, group_columns
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import Array

CARRIED = ("time", "set", "drift")
"""Columns that come along where they are known."""


def truth_of(samples: pl.DataFrame, target: Target) -> pl.DataFrame:
    """The sample table with a column ``y_CLASS`` for each class: 0, 1 or a value; null where unlabelled.

    >>> grade = Target("g", "multiclass", ("grade",), ("low", "high"))
    >>> truth_of(pl.DataFrame({"sample_id": ["a", "b"], "grade": [1, None]}), grade)["y_high"].to_list()
    [1.0, None]
    """
    if target.kind == "multiclass":
        held = pl.col(target.columns[0])
        return samples.with_columns(
            (held == place).cast(pl.Float64).alias(f"y_{name}") for place, name in enumerate(target.names)
        )
    pairs = zip(target.names, target.columns, strict=True)
    return samples.with_columns(pl.col(column).cast(pl.Float64).alias(f"y_{name}") for name, column in pairs)


def held_against(
    predictions: pl.DataFrame,
    truth: pl.DataFrame,
    target: Target,
    threshold: dict[str, float | None],
    settings: EvidenceSettings,
) -> pl.DataFrame:
    """Predictions with their truth, a row a sample and class, as ``medkd.evidence`` takes them.

    One arm, one seed, one fold.

    Samples of which no class is known are left out.

    Args:
        predictions: a run's table.
        truth: ``sample_id``, ``subject_id``, ``y_CLASS``, and where known ``sex``, ``age``, ``site``, ``time``.
        target: what is predicted.
        threshold: of the bundle, by class.
        settings: the subgroups.
    """
    groups = group_columns(truth, settings)
    known = [
        "sample_id",
        "subject_id",
        *(["time"] if "time" in truth.columns else []),
        *(f"y_{name}" for name in target.names),
    ]
    joined = predictions.join(truth.select(known), on="sample_id")
    joined = joined.filter(pl.any_horizontal(pl.col(f"y_{name}").is_not_null() for name in target.names))
    carried = [name for name in CARRIED if name in joined.columns]
    values = target.kind in VALUES
    parts = [
        joined.select(
            pl.col("sample_id").alias("sample"),
            pl.col("subject_id").alias("subject"),
            pl.lit(1.0).alias("label_fraction"),
            pl.lit(HERE).alias("arm"),
            pl.lit(0, dtype=pl.Int64).alias("seed"),
            pl.lit(0, dtype=pl.Int64).alias("fold"),
            pl.lit(name).alias("class"),
            pl.col(f"p_{name}").alias("score"),
            pl.col(f"p_{name}" if values else f"p_cal_{name}").alias("calibrated"),
            pl.lit(threshold.get(name), dtype=pl.Float64).alias("threshold"),
            pl.lit(None, dtype=pl.Float64).alias("temperature"),
            pl.col(f"y_{name}").alias("y"),
            *carried,
        )
        for name in target.names
    ]
    scored = pl.concat(parts).select(*SCORED, *carried)
    return scored.join(groups, on="sample", how="left", maintain_order="left")


def matrix(scored: pl.DataFrame, target: Target, column: str) -> Array:
    """A column of one arm's rows as "sample class", samples in the order of their names; NaN where it is null."""
    rank = {name: place for place, name in enumerate(target.names)}
    table = scored.with_columns(pl.col("class").replace_strict(rank, return_dtype=pl.Int64).alias("_place")).sort(
        "sample", "_place"
    )
    values: Array = table[column].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, len(target.names))
    return values
