"""ROC and decision curves, by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from medkd.evidence.statistics.bootstrap import Block
from medkd.evidence.statistics.metrics import Array

GRID = np.linspace(0.0, 1.0, 101)
"""False-positive rates and thresholds of every report's curves."""


def curves_of(
    blocks: Sequence[Block], scored: pl.DataFrame, names: Sequence[str], arms: Sequence[str]
) -> dict[str, Any]:
    """ROC and decision curves of some arms on one grid, which is that of every report.

    Args:
        blocks: see ``fold_blocks``.
        scored: the same, as a table.
        names: the classes, in order.
        arms: those to draw.
    """
    thresholds = GRID[1:-1]
    roc: dict[str, Any] = {"false_positive_rate": _rounded(GRID), "classes": {}}
    decision: dict[str, Any] = {"threshold": _rounded(thresholds), "classes": {}}
    for column, name in enumerate(names):
        curves = {arm: mean_roc(blocks, arm, column, GRID) for arm in arms}
        roc["classes"][name] = {arm: None if curve is None else _rounded(curve) for arm, curve in curves.items()}
        labelled = scored.filter((pl.col("class") == name) & pl.col("y").is_not_null())
        lines: dict[str, Any] = {}
        for arm in arms:
            rows = labelled.filter(pl.col("arm") == arm)
            if rows.height:
                y = rows["y"].to_numpy()
                lines[arm] = _rounded(net_benefit(y, rows["calibrated"].to_numpy(), thresholds))
                lines["treat_all"] = _rounded(treat_all(y, thresholds))
        decision["classes"][name] = lines
    return {"roc": roc, "decision": decision}


def mean_roc(blocks: Sequence[Block], arm: str, column: int, grid: Array) -> Array | None:
    """Sensitivity at each false-positive rate of ``grid``: folds averaged by their pairs, then seeds.

    Vertical averaging keeps the estimand: the area under this curve is the reported AUROC, up to the grid's steps.

    Returns:
        "grid", or None where no fold has both classes.
    """
    curves = []
    for seed in sorted({block.seed for block in blocks}):
        total, mass = np.zeros(len(grid)), 0.0
        for block in (block for block in blocks if block.seed == seed):
            known = np.isfinite(block.y[:, column])
            y, score = block.y[known, column], block.readings[arm]["score"][known, column]
            pairs = float((y == 1).sum() * (y == 0).sum())
            if pairs:
                total += pairs * roc_at(y, score, grid)
                mass += pairs
        if mass:
            curves.append(total / mass)
    return np.mean(curves, axis=0) if curves else None


def roc_at(y: Array, score: Array, grid: Array) -> Array:
    """Sensitivity at each false-positive rate of ``grid``, interpolated linearly; at a vertical step its upper end.

    Args:
        y: "sample", 0 or 1, both present.
        score: "sample".
        grid: "rate", 0 to 1.

    >>> roc_at(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.5])).tolist()
    [1.0, 1.0]
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    true_rate = np.append(0.0, np.cumsum(y[order])[last]) / y.sum()
    false_rate = np.append(0.0, np.cumsum(1 - y[order])[last]) / (1 - y).sum()
    # The last point at or before each rate: at a vertical step, its upper end.
    before = np.searchsorted(false_rate, grid, "right") - 1
    after = np.minimum(before + 1, len(false_rate) - 1)
    run = false_rate[after] - false_rate[before]
    share = np.divide(grid - false_rate[before], run, out=np.zeros_like(grid), where=run > 0)
    curve: Array = true_rate[before] + share * (true_rate[after] - true_rate[before])
    return curve


def net_benefit(y: Array, probability: Array, thresholds: Array) -> Array:
    """True positives per sample less false positives, weighted by the odds of the threshold: TP/n - FP/n · t/(1-t).

    Args:
        y: "sample", 0 or 1.
        probability: "sample", calibrated.
        thresholds: "threshold", probabilities in (0, 1) from which one would act.

    Returns:
        "threshold", in true positives per sample. Treating nobody is 0.

    Source: Vickers and Elkin 2006, doi:10.1177/0272989X06295361.

    >>> net_benefit(np.array([0.0, 1.0]), np.array([0.2, 0.9]), np.array([0.5])).tolist()
    [0.5]
    """
    order = np.argsort(probability, kind="stable")
    first = np.searchsorted(probability[order], thresholds, "left")
    true_positives = np.concatenate([np.cumsum(y[order][::-1])[::-1], [0.0]])[first]
    flagged = len(y) - first
    result: Array = true_positives / len(y) - (flagged - true_positives) / len(y) * thresholds / (1 - thresholds)
    return result


def treat_all(y: Array, thresholds: Array) -> Array:
    """Net benefit of treating everybody.

    >>> treat_all(np.array([0.0, 1.0]), np.array([0.5])).tolist()
    [0.0]
    """
    share = float(y.mean())
    result: Array = share - (1 - share) * thresholds / (1 - thresholds)
    return result


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 5) for value in values]
