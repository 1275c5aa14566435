"""Predictions in the schema that MEDS's evaluation reads."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkd.data.io.atomic import writing
from medkd.errors import InputError


def write_meds_predictions(
    predictions: pl.DataFrame, samples: pl.DataFrame, path: Path, threshold: float = 0.5
) -> None:
    """Write one row per prediction in MEDS's schema.

    Columns: ``subject_id, prediction_time, boolean_value, predicted_boolean_value, predicted_boolean_probability``.

    Args:
        predictions: ``sample_id`` and ``probability`` of the positive class.
        samples: the cohort's sample table: ``sample_id``, ``subject_id``, ``time`` (of prediction), and ``label``, the
            binary target's only column, null where it is not known.
        path: a Parquet file.
        threshold: the lowest probability that counts as positive.

    Raises:
        InputError: a column is missing, a probability is outside 0 to 1, or a prediction's sample is not in the table.

    Source: the prediction schema of medical-event-data-standard/meds-evaluation.
    """
    for table, columns in (
        (predictions, ("sample_id", "probability")),
        (samples, ("sample_id", "subject_id", "time", "label")),
    ):
        for column in columns:
            if column not in table.columns:
                raise InputError(
                    f"no column '{column}'", where="MEDS predictions", remedy=f"It has: {', '.join(table.columns)}"
                )
    if not predictions["probability"].is_between(0, 1).fill_null(False).all():
        raise InputError(
            "a probability is missing or lies outside 0 to 1", where="MEDS predictions", remedy="Give no logits"
        )
    joined = predictions.join(samples, on="sample_id", how="left", maintain_order="left")
    if unknown := joined["subject_id"].null_count():
        raise InputError(
            f"{unknown} predictions are of unknown samples", where="MEDS predictions", remedy="Check --root"
        )
    table = joined.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("time").cast(pl.Datetime("us")).alias("prediction_time"),
        pl.col("label").cast(pl.Boolean).alias("boolean_value"),
        (pl.col("probability") >= threshold).alias("predicted_boolean_value"),
        pl.col("probability").cast(pl.Float64).alias("predicted_boolean_probability"),
    ).sort("subject_id", "prediction_time")
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as temporary:
        table.write_parquet(temporary)
