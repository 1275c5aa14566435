"""Scored predictions: probabilities calibrated on each fit's own validation part, with the test samples' labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.target import Target
from medkd.data.io.atomic import writing
from medkd.errors import InputError, nearest
from medkd.evidence.calibration.temperature_scaling import fit_temperature, probabilities
from medkd.evidence.calibration.thresholds import choose_threshold
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import Block
from medkd.evidence.statistics.metrics import Array

FIT = ["label_fraction", "arm", "seed", "fold"]
RAW = [*FIT, "role", "sample_id", "subject_id", "class", "logit", "y"]
SCORED = ["sample", "subject", *FIT, "class", "score", "calibrated", "threshold", "temperature", "y"]
DEFAULTS: dict[str, Any] = {"label_fraction": 1.0, "seed": 0, "fold": 0, "class": "positive"}
"""Columns that a table of predictions may lack, and the value that they then have."""


def prediction_table(predictions: Any) -> pl.DataFrame:
    """Predictions as a polars frame with all columns; NaN labels become null.

    Args:
        predictions: a polars frame, or any other whose columns have ``to_list``, such as one of pandas.

    Raises:
        InputError: it is not a table.

    >>> prediction_table(pl.DataFrame({"arm": ["student"], "y": [float("nan")]})).row(0)
    ('student', None, 1.0, 0, 0, 'positive')
    """
    if isinstance(predictions, pl.DataFrame):
        table = predictions
    elif hasattr(predictions, "columns") and hasattr(predictions, "to_dict"):
        table = pl.DataFrame({str(name): predictions[name].to_list() for name in predictions.columns})
    else:
        raise InputError(
            f"predictions are a {type(predictions).__name__}",
            where="assess",
            remedy="Give a polars or pandas frame with one row per prediction",
        )
    if "y" in table.columns and table["y"].dtype.is_float():
        table = table.with_columns(pl.col("y").fill_nan(None))
    return table.with_columns(
        pl.lit(value).alias(name) for name, value in DEFAULTS.items() if name not in table.columns
    )


def target_of(table: pl.DataFrame) -> Target:
    """The binary target of predictions of one class, named by it.

    Raises:
        InputError: there are several classes, or labels other than 0 and 1.
    """
    names = table["class"].unique().sort().to_list()
    labels = table["y"].drop_nulls().unique().to_list() if "y" in table.columns else []
    if len(names) != 1 or not set(labels) <= {0, 1}:
        raise InputError(
            f"predictions of {len(names)} classes" if len(names) != 1 else "labels other than 0 and 1",
            where="assess",
            remedy="Give target=Target(key, kind, columns, classes)",
        )
    return Target(str(names[0]), "binary", (str(names[0]),))


def score_predictions(
    predictions: pl.DataFrame, target: Target, settings: EvidenceSettings, samples: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The table that ``test_predictions.parquet`` holds, and from which every figure follows.

    Each fit (label fraction, arm, seed, fold) has its own temperature and one threshold per class, chosen on its own
    validation rows and never on test rows. For a regression the score is the value, and both are null.

    Args:
        predictions: label_fraction, arm, seed, fold, role ("val" or "test"), sample_id, subject_id, class, logit, y
            (null = unlabelled).
        target: its ``names`` are the classes, in order.
        settings: the rule for thresholds, the subgroups.
        samples: the sample table, for the subgroups' columns; without it there are none.

    Returns:
        One row per test sample, class, arm and seed: sample, subject, label_fraction, fold, seed, arm, class, score,
            calibrated, threshold, temperature, y, and the subgroups' columns.

    Raises:
        InputError: a column, a class of a sample or all test rows are missing, or a logit is not finite.
    """
    _check(predictions, target)
    rank = {name: index for index, name in enumerate(target.names)}
    table = predictions.with_columns(pl.col("class").replace_strict(rank, return_dtype=pl.Int64).alias("_rank"))
    table = table.sort([*FIT, "role", "sample_id", "_rank"])
    parts = [_score_fit(fit, target, settings) for fit in table.partition_by(FIT, maintain_order=True)]
    scored = pl.concat([part for part in parts if part is not None])
    if samples is None:
        return scored
    groups = group_columns(samples, settings)
    return scored.with_columns(pl.col("sample").cast(pl.String)).join(
        groups, on="sample", how="left", maintain_order="left"
    )


def write_predictions(path: Path, scored: pl.DataFrame) -> None:
    """Write the output of ``score_predictions`` as Parquet, whole or not at all."""
    with writing(path) as temporary:
        scored.write_parquet(temporary)


def fold_blocks(scored: pl.DataFrame, target: Target) -> tuple[list[Block], list[str]]:
    """Test folds of one label fraction as arrays, and the subjects' names in the order of ``Block.subject``.

    Raises:
        InputError: the arms were not all tested on the same samples.
    """
    names = scored["subject"].unique().sort().to_list()
    arms = scored["arm"].unique().sort().to_list()
    table = scored.with_columns(
        pl.col("class")
        .replace_strict({name: index for index, name in enumerate(target.names)}, return_dtype=pl.Int64)
        .alias("_rank"),
        pl.col("subject")
        .replace_strict({name: index for index, name in enumerate(names)}, return_dtype=pl.Int64)
        .alias("_subject"),
    ).sort(["seed", "fold", "arm", "sample", "_rank"])
    return [
        _block(part, arms, len(target.names)) for part in table.partition_by(["seed", "fold"], maintain_order=True)
    ], names


def _block(part: pl.DataFrame, arms: Sequence[str], classes: int) -> Block:
    seed, fold = int(part["seed"][0]), int(part["fold"][0])
    rows = part.height // len(arms)
    sample = part["sample"].to_numpy()
    if (
        part.height % len(arms)
        or not (sample.reshape(len(arms), rows) == sample[:rows]).all()
        or part["arm"].n_unique() != len(arms)
    ):
        counts = ", ".join(f"{arm}: {part.filter(pl.col('arm') == arm).height // classes}" for arm in arms)
        raise InputError(
            f"arms were tested on different samples ({counts})",
            where=f"seed {seed}, fold {fold}",
            remedy="Predict the fold with every arm",
        )

    def cube(name: str) -> Array:
        return part[name].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(len(arms), rows // classes, classes)

    score, calibrated = cube("score"), cube("calibrated")
    decision = (calibrated >= cube("threshold")).astype(np.float64)
    readings = {
        arm: {"score": score[row], "calibrated": calibrated[row], "decision": decision[row]}
        for row, arm in enumerate(arms)
    }
    return Block(seed, fold, part["_subject"].to_numpy()[:rows:classes].astype(np.int64), cube("y")[0], readings)


def _score_fit(fit: pl.DataFrame, target: Target, settings: EvidenceSettings) -> pl.DataFrame | None:
    classes = len(target.names)
    val, test = fit.filter(pl.col("role") == "val"), fit.filter(pl.col("role") == "test")
    test = test.filter(pl.col("y").is_not_null().any().over("sample_id"))
    if test.is_empty():
        return None
    logits = _matrix(test, "logit", classes)
    temperature: float | None = None
    thresholds: NDArray[np.float64] = np.full(classes, np.nan)
    score = calibrated = logits
    if target.kind not in ("regression", "forecast"):
        val_logits, val_y = _matrix(val, "logit", classes), _matrix(val, "y", classes)
        temperature = fit_temperature(val_logits, val_y, target.is_categorical)
        val_probability = probabilities(val_logits, target.is_categorical, temperature)
        for column in range(classes):
            known = np.isfinite(val_y[:, column])
            thresholds[column] = choose_threshold(
                val_y[known, column], val_probability[known, column], settings.threshold
            )
        score = probabilities(logits, target.is_categorical)
        calibrated = probabilities(logits, target.is_categorical, temperature)
    return (
        test.rename({"sample_id": "sample", "subject_id": "subject"})
        .with_columns(
            pl.Series("score", score.ravel()),
            pl.Series("calibrated", calibrated.ravel()),
            pl.Series("threshold", np.tile(thresholds, len(logits))).fill_nan(None),
            pl.lit(temperature, dtype=pl.Float64).alias("temperature"),
        )
        .select(SCORED)
    )


def _matrix(part: pl.DataFrame, column: str, classes: int) -> Array:
    return part[column].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, classes)


def group_columns(samples: pl.DataFrame, settings: EvidenceSettings) -> pl.DataFrame:
    """Column ``sample`` and, as text, those of the subgroups' columns that hold any value."""
    columns = [pl.col("sample_id").cast(pl.String).alias("sample")]
    for name in settings.subgroups:
        if name not in samples.columns or samples[name].null_count() == samples.height:
            continue
        column = pl.col(name)
        columns.append(
            _bands(column, settings.age_bands).alias(name) if name == "age" else column.cast(pl.String).alias(name)
        )
    return samples.select(columns)


def _bands(age: pl.Expr, edges: Sequence[float]) -> pl.Expr:
    years = age.cast(pl.Float64).fill_nan(None)
    names = [f"under {edges[0]:g}", *(f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)), f"{edges[-1]:g} +"]
    band = pl.when(years.is_not_null()).then(pl.sum_horizontal([(years >= edge).cast(pl.Int64) for edge in edges]))
    return band.replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def _check(predictions: pl.DataFrame, target: Target) -> None:
    where = "predictions"
    for column in RAW:
        if column not in predictions.columns:
            raise InputError(
                f"predictions have no column '{column}'",
                where=where,
                remedy=f"They have: {', '.join(predictions.columns)}",
            )
    for name in predictions["class"].unique().to_list():
        if name not in target.names:
            raise InputError(
                f"class '{name}' is not one of target {target.key}",
                where=where,
                remedy=nearest(str(name), target.names),
            )
    if predictions.filter((pl.col("role") == "test") & pl.col("y").is_not_null()).is_empty():
        raise InputError(
            "no labelled test sample", where=where, remedy="Give predictions of the test folds, role 'test'"
        )
    key = [*FIT, "role", "sample_id"]
    uneven = predictions.group_by(key).agg(pl.col("class").n_unique().alias("n"), pl.len().alias("rows"))
    uneven = uneven.filter((pl.col("n") != len(target.names)) | (pl.col("rows") != len(target.names)))
    if uneven.height:
        first = uneven.row(0, named=True)
        raise InputError(
            f"sample '{first['sample_id']}' has {first['rows']} rows of {first['n']} classes, "
            f"{len(target.names)} expected",
            where=f"arm {first['arm']}, seed {first['seed']}, fold {first['fold']}",
            remedy="Give one row per class",
        )
    infinite = predictions.filter(~pl.col("logit").is_finite() | pl.col("logit").is_null())
    if infinite.height:
        first = infinite.row(0, named=True)
        raise InputError(
            f"{infinite.height} logits are not finite, the first that of sample '{first['sample_id']}'",
            where=f"arm {first['arm']}, seed {first['seed']}, fold {first['fold']}",
            remedy="Look at that fit's training curve",
        )
