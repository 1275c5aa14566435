"""The tables of a finished run, merged from its chunks as a stream: memory does not grow with the number of items."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from medkd.data.io.private import writing_private
from medkd.deploy.inference.chunks import chunk_path, read_facts
from medkd.deploy.inference.os_errors import errno_of
from medkd.deploy.inference.plan import PARQUET, QUARANTINE, TABLE, Plan
from medkd.errors import InputError

Table = TypeVar("Table", pl.DataFrame, pl.LazyFrame)

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for that begins so."""
_GROUP = 64
"""Chunks merged at a time; a row group of the Parquet file holds as many."""


@dataclass(frozen=True)
class Counts:
    """What a finished run came to.

    Args:
        scored, quarantined: items.
        seconds: of all items together.
        smallest_batch: smaller than the plan's where memory ran out.
        retries: how often a record was tried again.
    """

    scored: int
    quarantined: int
    seconds: float
    smallest_batch: int
    retries: int


def scan_chunks(out: Path, plan: Plan) -> pl.LazyFrame:
    """All chunks as one table with the column ``reason``, not yet read."""
    return pl.scan_parquet([chunk_path(out, index) for index in range(plan.chunks)])


def count(out: Path, plan: Plan) -> Counts:
    """What all chunks together came to.

    Raises:
        InputError: a chunk is damaged.
    """
    facts = [read_facts(out, index, plan) for index in range(plan.chunks)]
    held = [one for one in facts if one is not None]
    sums = scan_chunks(out, plan).select(
        (pl.col("status") == "ok").sum().alias("ok"), pl.len(), pl.col("seconds").sum()
    )
    try:
        scored, rows, seconds = sums.collect(engine="streaming").row(0)
    except pl.exceptions.PolarsError as error:
        raise _failure(out, plan, error) from error
    return Counts(scored, rows - scored, seconds, min(one.batch_size for one in held), sum(one.retries for one in held))


def write_predictions(out: Path, plan: Plan) -> None:
    """Write ``predictions.parquet``, ``predictions.csv`` and ``quarantine.csv``, each whole, readable by their owner alone.

    The first two hold what was scored, the last what was set aside. Two processes that write at the same moment write
    the same.

    Args:
        out: the run's folder.
        plan: of the run, all of whose chunks are there.

    Raises:
        InputError: a chunk is damaged.
    """
    table = scan_chunks(out, plan)
    scored = table.filter(pl.col("status") == "ok").drop("reason")
    aside = table.filter(pl.col("status") != "ok").select(pl.col("sample_id").alias("item"), "reason")
    try:
        with writing_private(out / PARQUET) as temporary:
            scored.sink_parquet(temporary, metadata={"schema_version": "1"}, row_group_size=_GROUP * plan.chunk)
        with writing_private(out / TABLE) as temporary:
            defused(scored).sink_csv(temporary, check_extension=False)
        with writing_private(out / QUARANTINE) as temporary:
            defused(aside).sink_csv(temporary, check_extension=False)
    except pl.exceptions.PolarsError as error:
        raise _failure(out, plan, error) from error


def first_reason(out: Path, plan: Plan) -> tuple[str, str]:
    """The first item that was set aside, and why."""
    name, reason = (
        scan_chunks(out, plan).filter(pl.col("status") != "ok").select("sample_id", "reason").head(1).collect().row(0)
    )
    return str(name), str(reason)


def defused(table: Table) -> Table:
    """A table whose text a spreadsheet will not take for a formula: an apostrophe stands before = + - @.

    >>> defused(pl.DataFrame({"item": ["=1+1", "a"]}))["item"].to_list()
    ["'=1+1", 'a']
    """
    return table.with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(list(FORMULA)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in table.collect_schema().items()
        if kind == pl.String
    )


def _failure(out: Path, plan: Plan, error: pl.exceptions.PolarsError) -> InputError:
    """What a failed merge came from: a chunk that cannot be read although its end is whole, else the disk."""
    for path in (chunk_path(out, index) for index in range(plan.chunks)):
        try:
            pl.read_parquet(path)
        except pl.exceptions.PolarsError:
            return InputError(f"{path.name} is damaged", where=path.parent, remedy="Remove it, and repeat the command")
    number = errno_of(error)
    reason = str(error) if number is None else os.strerror(number)
    return InputError(
        f"cannot write: {reason}", where=out, remedy="Make room, then repeat the command: it goes on where it stopped"
    )
