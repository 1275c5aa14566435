"""The ROC curve of a whole cross-validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medkd.evidence.statistics.bootstrap import Block
from medkd.evidence.statistics.metrics import Array


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
                total += pairs * _roc(y, score, grid)
                mass += pairs
        if mass:
            curves.append(total / mass)
    return np.mean(curves, axis=0) if curves else None


def _roc(y: Array, score: Array, grid: Array) -> Array:
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits = np.append(0.0, np.cumsum(y[order])[last]) / y.sum()
    alarms = np.append(0.0, np.cumsum(1 - y[order])[last]) / (1 - y).sum()
    # The last point at or before each rate: at a vertical step, its upper end.
    before = np.searchsorted(alarms, grid, "right") - 1
    after = np.minimum(before + 1, len(alarms) - 1)
    run = alarms[after] - alarms[before]
    share = np.divide(grid - alarms[before], run, out=np.zeros_like(grid), where=run > 0)
    curve: Array = hits[before] + share * (hits[after] - hits[before])
    return curve
