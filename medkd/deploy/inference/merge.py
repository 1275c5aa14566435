"""Merging of a finished run's chunks into its tables, as a stream: memory does not grow with the number of items."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medkd.data.io.private import writing_private
from medkd.deploy.inference.chunks import chunk_path, read_metadata
from medkd.deploy.inference.os_errors import errno_of
from medkd.deploy.inference.plan import PARQUET, QUARANTINE, TABLE, Plan
from medkd.deploy.inference.predictions import OK, escape_formulas
from medkd.errors import InputError

_CHUNKS_PER_GROUP = 64
"""Chunks merged at a time; a row group of the Parquet file holds as many."""


@dataclass(frozen=True)
class RunCounts:
    """Counts over all chunks of a finished run.

    Args:
        scored, quarantined: items.
        seconds: of all items together.
        smallest_batch: smaller than the plan's where memory ran out.
        retries: how often a record was tried again.
        values: of event files, those used and those set aside, counted by reason; empty without such files.
    """

    scored: int
    quarantined: int
    seconds: float
    smallest_batch: int
    retries: int
    values: Mapping[str, int] = field(default_factory=dict)


def scan_chunks(out: Path, plan: Plan) -> pl.LazyFrame:
    """All chunks as one table with the column ``reason``, not yet read."""
    return pl.scan_parquet([chunk_path(out, index) for index in range(plan.chunks)])


def scan_quarantined(out: Path, plan: Plan) -> pl.LazyFrame:
    """``sample_id`` and ``reason`` of the quarantined items of all chunks, not yet read."""
    return scan_chunks(out, plan).filter(pl.col("status") != OK).select("sample_id", "reason")


def count_items(out: Path, plan: Plan) -> RunCounts:
    """The counts of a run all of whose chunks are there.

    Raises:
        InputError: a chunk is damaged.
    """
    metadata = [one for index in range(plan.chunks) if (one := read_metadata(out, index, plan)) is not None]
    sums = scan_chunks(out, plan).select((pl.col("status") == OK).sum().alias("ok"), pl.len(), pl.col("seconds").sum())
    try:
        scored, rows, seconds = sums.collect(engine="streaming").row(0)
    except pl.exceptions.PolarsError as error:
        raise _failure(out, plan, error) from error
    smallest, retries = min(one.batch_size for one in metadata), sum(one.retries for one in metadata)
    values: Counter[str] = Counter()
    for one in metadata:
        values.update(one.values)
    return RunCounts(scored, rows - scored, seconds, smallest, retries, dict(values))


def write_predictions(out: Path, plan: Plan) -> None:
    """Write ``predictions.parquet``, ``predictions.csv`` and ``quarantine.csv``, each whole, for their owner alone.

    The first two hold what was scored, the last what was quarantined. Two processes that write at the same moment write
    the same.

    Args:
        out: the run's folder.
        plan: of the run, all of whose chunks are there.

    Raises:
        InputError: a chunk is damaged.
    """
    scored = scan_chunks(out, plan).filter(pl.col("status") == OK).drop("reason")
    quarantined = scan_quarantined(out, plan).rename({"sample_id": "item"})
    try:
        with writing_private(out / PARQUET) as temporary:
            rows = _CHUNKS_PER_GROUP * plan.chunk
            scored.sink_parquet(temporary, metadata={"schema_version": "1"}, row_group_size=rows)
        with writing_private(out / TABLE) as temporary:
            escape_formulas(scored).sink_csv(temporary, check_extension=False)
        with writing_private(out / QUARANTINE) as temporary:
            escape_formulas(quarantined).sink_csv(temporary, check_extension=False)
    except pl.exceptions.PolarsError as error:
        raise _failure(out, plan, error) from error


def _failure(out: Path, plan: Plan, error: pl.exceptions.PolarsError) -> InputError:
    """The cause of a failed merge: a chunk that cannot be read although its end is whole, else the disk."""
    for path in (chunk_path(out, index) for index in range(plan.chunks)):
        try:
            pl.read_parquet(path)
        except pl.exceptions.PolarsError:
            return InputError(f"{path.name} is damaged", where=path.parent, remedy="Remove it, and repeat the command")
    number = errno_of(error)
    reason = "its tables cannot be put together" if number is None else os.strerror(number)
    return InputError(
        f"cannot write: {reason}", where=out, remedy="Make room, then repeat the command: it goes on where it stopped"
    )
