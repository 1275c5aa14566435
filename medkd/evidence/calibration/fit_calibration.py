"""A bundle's calibration: temperature, thresholds and conformal quantiles, from predictions on held-out samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.target import Target
from medkd.evidence.calibration.conformal import VALUES, Conformal, shares
from medkd.evidence.calibration.temperature_scaling import fit_temperature, probabilities
from medkd.evidence.calibration.thresholds import choose_threshold
from medkd.evidence.statistics.metrics import Array

COVERAGE = 0.9


def fit_calibration(
    logits: Array,
    y: Array,
    target: Target,
    rule: str = "youden",
    groups: Sequence[Any] | NDArray[Any] | None = None,
    coverage: float = COVERAGE,
) -> dict[str, Any]:
    """``temperature``, ``threshold`` and ``conformal`` as a bundle's ``calibration.json`` holds them.

    Args:
        logits: "sample output", of samples that the model was not fitted on; of a regression the values.
        y: "sample output", 0 or 1 (one-hot of exclusive classes) or a value; NaN where unlabelled.
        target: its ``names`` are the outputs, in order.
        rule: for thresholds, see ``choose_threshold``.
        groups: "sample", the subject of each; without it each sample counts as one.
        coverage: of the conformal sets.
    """
    threshold: dict[str, float | None] = dict.fromkeys(target.names)
    temperature = 1.0 if target.kind in VALUES else fit_temperature(logits, y, target.is_categorical)
    calibrated = calibrated_by(logits, target, temperature)
    if target.kind not in VALUES and not target.is_categorical:
        for column, name in enumerate(target.names):
            known = np.isfinite(y[:, column])
            threshold[name] = choose_threshold(y[known, column], calibrated[known, column], rule)
    conformal = Conformal.fit(calibrated, y, target, coverage, groups)
    return {"temperature": temperature, "threshold": threshold, "conformal": conformal.to_dict()}


def calibrated_by(logits: Array, target: Target, temperature: float) -> Array:
    """Calibrated probabilities "sample output"; a regression's values as they are."""
    return logits if target.kind in VALUES else probabilities(logits, target.is_categorical, temperature)


def arrays_of(rows: pl.DataFrame, target: Target) -> tuple[Array, Array, NDArray[Any]]:
    """Logits and labels "sample output" and the samples' subjects, of one arm's predictions (``score_predictions``)."""
    wide = rows.pivot("class", index=["seed", "fold", "sample_id", "subject_id"], values=["logit", "y"])
    logits = wide.select([f"logit_{name}" for name in target.names]).to_numpy()
    y = wide.select([f"y_{name}" for name in target.names]).cast(pl.Float64).fill_null(np.nan).to_numpy()
    return logits, y, wide["subject_id"].to_numpy()


def held_out_coverage(rows: pl.DataFrame, target: Target, coverage: float = COVERAGE) -> dict[str, Any]:
    """Coverage of the conformal sets on subjects that had no part in them (see ``Conformal.coverage_of``).

    For each test fold of each seed, temperature and quantiles are fitted on the inner-validation rows of all seeds and
    folds except those of the test fold's own subjects, and evaluated on its test rows: the bundle's own procedure with
    one fold fewer.

    Args:
        rows: predictions of one arm at one label fraction, roles "val" and "test".
        target: its ``names`` are the outputs, in order.
        coverage: wanted.
    """
    covered, abstained, subjects = [], [], []
    validation = rows.filter(pl.col("role") == "val")
    for (_, _), test in rows.filter(pl.col("role") == "test").group_by("seed", "fold", maintain_order=True):
        others = validation.filter(~pl.col("subject_id").is_in(test["subject_id"].unique().to_list()))
        if others.is_empty():
            continue
        logits, y, subject = arrays_of(others, target)
        temperature = 1.0 if target.kind in VALUES else fit_temperature(logits, y, target.is_categorical)
        sets = Conformal.fit(calibrated_by(logits, target, temperature), y, target, coverage, subject)
        logits, y, subject = arrays_of(test, target)
        calibrated = calibrated_by(logits, target, temperature)
        covered.append(sets.holds(calibrated, y))
        abstained.append(sets.abstains(calibrated))
        subjects.append(subject)
    if not covered:
        return {}
    return shares(
        np.concatenate(covered), np.concatenate(abstained), target.kind, target.names, np.concatenate(subjects)
    )
