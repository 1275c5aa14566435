"""ROC and decision curves, by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from medkd.evidence.statistics.bootstrap import Block
from medkd.evidence.statistics.decision_curve import net_benefit, treat_all
from medkd.evidence.statistics.roc_curve import mean_roc

GRID = np.linspace(0.0, 1.0, 101)


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
    acting = GRID[1:-1]
    roc: dict[str, Any] = {"false_positive_rate": _rounded(GRID), "classes": {}}
    decision: dict[str, Any] = {"threshold": _rounded(acting), "classes": {}}
    for column, name in enumerate(names):
        curves = {arm: mean_roc(blocks, arm, column, GRID) for arm in arms}
        roc["classes"][name] = {arm: None if curve is None else _rounded(curve) for arm, curve in curves.items()}
        rows = scored.filter((pl.col("class") == name) & pl.col("y").is_not_null())
        lines: dict[str, Any] = {}
        for arm in arms:
            one = rows.filter(pl.col("arm") == arm)
            if one.height:
                y = one["y"].to_numpy()
                lines[arm] = _rounded(net_benefit(y, one["calibrated"].to_numpy(), acting))
                lines["treat_all"] = _rounded(treat_all(y, acting))
        decision["classes"][name] = lines
    return {"roc": roc, "decision": decision}


def _rounded(values: np.ndarray[Any, Any]) -> list[float]:
    return [round(float(value), 5) for value in values]
