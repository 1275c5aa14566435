"""The table of predictions: its columns, its chunk files, and how they are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medkd.data.target import Target
from medkd.deploy.plan import CHUNKS, PARQUET, QUARANTINE, TABLE, Plan
from medkd.deploy.private import writing_private
from medkd.deploy.quarantine import Quarantined
from medkd.errors import InputError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Scored:
    """What came of one item.

    Args:
        sample_id: its name.
        raw, calibrated: a value a class; empty when it was set aside.
        seconds: reading, preparing and its share of the network's time.
        quarantined: why it was set aside, if it was.
    """

    sample_id: str
    raw: Sequence[float]
    calibrated: Sequence[float]
    seconds: float
    quarantined: Quarantined | None = None


def columns_of(target: Target) -> dict[str, pl.DataType]:
    """Columns of the table and their types.

    Raises:
        InputError: two classes would share a column.

    >>> list(columns_of(Target("cd", "binary", ("cd",))))
    ['sample_id', 'p_cd', 'p_cal_cd', 'set', 'drift', 'model_sha256', 'seconds', 'status']
    """
    classes = [f"{prefix}{name}" for prefix in ("p_", "p_cal_") for name in target.names]
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


def chunk_path(out: Path, index: int) -> Path:
    """Where chunk ``index`` is written."""
    return out / CHUNKS / f"{index:05d}.parquet"


def write_chunk(out: Path, index: int, scored: Sequence[Scored], target: Target, model_sha256: str, plan: Plan, batch_size: int) -> None:
    """Write one chunk whole.

    Args:
        out: the run's folder.
        index: of the chunk.
        scored: its items, in order.
        target, model_sha256, plan: of the run.
        batch_size: what was in force at its end; smaller than the plan's where memory ran out.
    """
    columns = columns_of(target)
    none = [None] * target.outputs
    rows = [
        (
            item.sample_id,
            *(item.raw if item.quarantined is None else none),
            *(item.calibrated if item.quarantined is None else none),
            None,
            None,
            model_sha256,
            item.seconds,
            "ok" if item.quarantined is None else "quarantined",
            None if item.quarantined is None else item.quarantined.reason,
        )
        for item in scored
    ]
    table = pl.DataFrame(rows, schema={**columns, "reason": pl.String()}, orient="row")
    with writing_private(chunk_path(out, index)) as temporary:
        table.write_parquet(temporary, metadata={"plan": plan.digest, "batch_size": str(batch_size)})


def is_done(out: Path, index: int, plan: Plan) -> bool:
    """Whether chunk ``index`` is there, whole and of this plan."""
    try:
        return pl.read_parquet_metadata(chunk_path(out, index)).get("plan") == plan.digest
    except (OSError, pl.exceptions.PolarsError):
        return False


def read_chunks(out: Path, plan: Plan) -> tuple[pl.DataFrame, int]:
    """All chunks as one table with the column ``reason``, and the smallest batch size that any of them came to."""
    paths = [chunk_path(out, index) for index in range(plan.chunks)]
    smallest = min(int(pl.read_parquet_metadata(path)["batch_size"]) for path in paths)
    return pl.concat([pl.read_parquet(path) for path in paths]), smallest


def write_predictions(out: Path, table: pl.DataFrame) -> None:
    """Write ``predictions.parquet``, ``predictions.csv`` and ``quarantine.csv``, each whole, readable by their owner alone.

    Args:
        out: the run's folder.
        table: what ``read_chunks`` gave.
    """
    predictions = table.drop("reason")
    with writing_private(out / PARQUET) as temporary:
        predictions.write_parquet(temporary, metadata={"schema_version": "1"})
    with writing_private(out / TABLE) as temporary:
        defused(predictions).write_csv(temporary)
    aside = table.filter(pl.col("status") == "quarantined").select(pl.col("sample_id").alias("item"), "reason")
    with writing_private(out / QUARANTINE) as temporary:
        defused(aside).write_csv(temporary)


def defused(table: pl.DataFrame) -> pl.DataFrame:
    """A table whose text a spreadsheet will not take for a formula: an apostrophe stands before = + - @.

    >>> defused(pl.DataFrame({"item": ["=1+1", "a"]}))["item"].to_list()
    ["'=1+1", 'a']
    """
    return table.with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(list(_FORMULA))).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name, kind in table.schema.items()
        if kind == pl.String
    )
