"""Columns of ``predictions.parquet``, ``predictions.csv`` and every chunk file.

| column | type | holds |
|---|---|---|
| ``sample_id`` | text | the item's name; rows are sorted by it |
| ``p_CLASS`` | float | one per class: the uncalibrated probability, or the value of a regression |
| ``p_cal_CLASS`` | float | one per class: the calibrated probability, or the value again |
| ``set`` | text | the conformal set in words; null where the bundle has no quantiles |
| ``drift`` | float | distance of the input from the training samples, above 1 is flagged; null without a reference |
| ``model_sha256`` | text | digest of the weights |
| ``seconds`` | float | reading, preparing and the item's share of the network's time |
| ``status`` | text | "ok", or "quarantined" (in chunk files, and in tables of ``predict_files``) |

Chunk files have one more, ``reason``: why an item was quarantined, else null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from medkd.data.core.target import Target
from medkd.errors import InputError

RAW, CALIBRATED = "p_", "p_cal_"
"""Prefixes of the columns that hold one value per class."""
OK, QUARANTINED = "ok", "quarantined"
"""Values of the column ``status``."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a cell for a formula."""
Table = TypeVar("Table", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True)
class ItemResult:
    """The result of one item: scores, or the reason why it was quarantined.

    Args:
        sample_id: its name.
        raw, calibrated: one value per class; not written when it was quarantined.
        seconds: reading, preparing and its share of the network's time.
        reason: why it was quarantined; None where it was scored.
        conformal_set: in words; None where the bundle has no quantiles.
        drift: distance from the training samples; None where the bundle has no reference.
    """

    sample_id: str
    raw: Sequence[float]
    calibrated: Sequence[float]
    seconds: float
    reason: str | None = None
    conformal_set: str | None = None
    drift: float | None = None


def prediction_columns(target: Target) -> dict[str, pl.DataType]:
    """Columns of the table of predictions and their types.

    Raises:
        InputError: two classes would share a column.

    >>> list(prediction_columns(Target("cd", "binary", ("cd",))))
    ['sample_id', 'p_cd', 'p_cal_cd', 'set', 'drift', 'model_sha256', 'seconds', 'status']
    """
    classes = [f"{prefix}{name}" for prefix in (RAW, CALIBRATED) for name in target.names]
    if len(set(classes)) < len(classes):
        raise InputError(f"classes {', '.join(target.names)} cannot each have a column", where=f"target {target.key}")
    return {
        "sample_id": pl.String(),
        **{name: pl.Float64() for name in classes},
        "set": pl.String(),
        "drift": pl.Float64(),
        "model_sha256": pl.String(),
        "seconds": pl.Float64(),
        "status": pl.String(),
    }


def results_table(results: Sequence[ItemResult], target: Target, model_sha256: str) -> pl.DataFrame:
    """Results as a table with the columns of the predictions and ``reason``, in the order given."""
    rows = [_row(result, model_sha256, len(target.names)) for result in results]
    return pl.DataFrame(rows, schema={**prediction_columns(target), "reason": pl.String()}, orient="row")


def escape_formulas(table: Table) -> Table:
    """The table with an apostrophe before each text that a spreadsheet would take for a formula.

    >>> escape_formulas(pl.DataFrame({"item": ["=1+1", "a"]}))["item"].to_list()
    ["'=1+1", 'a']
    """
    return table.with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(list(FORMULA_SIGNS)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in table.collect_schema().items()
        if kind == pl.String
    )


def _row(result: ItemResult, model_sha256: str, classes: int) -> tuple[object, ...]:
    if result.reason is not None:
        nothing = (None,) * (2 * classes + 2)
        return (result.sample_id, *nothing, model_sha256, result.seconds, QUARANTINED, result.reason)
    scores = (*result.raw, *result.calibrated, result.conformal_set, result.drift)
    return (result.sample_id, *scores, model_sha256, result.seconds, OK, None)
