"""Chunks of a run on disk: each is there whole, or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from medkd.data.io.private import writing_private
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.plan import CHUNKS, Plan
from medkd.deploy.inference.predictions import ItemResult, results_table


@dataclass(frozen=True)
class Chunk:
    """A chunk that was computed, in memory.

    Args:
        index: its number.
        results: of its items, in order.
        batch_size: rows per pass of the network at its end; smaller than the plan's where memory ran out.
        retries: how often records of it were tried again.
        values: of its items' event files, those used and those set aside, counted by reason.
    """

    index: int
    results: list[ItemResult]
    batch_size: int
    retries: int
    values: Mapping[str, int] = field(default_factory=dict)


class ChunkMetadata(NamedTuple):
    """Facts that a chunk file states about its own computation (see ``Chunk``)."""

    batch_size: int
    retries: int
    values: Mapping[str, int] = MappingProxyType({})


def chunk_path(out: Path, index: int) -> Path:
    """The file of chunk ``index``."""
    return out / CHUNKS / f"{index:05d}.parquet"


def write_chunk(out: Path, chunk: Chunk, plan: Plan, bundle: Bundle) -> None:
    """Write one chunk whole; one that is there already is left as it is.

    Args:
        out: the run's folder.
        chunk: to be written.
        plan: of the run; its digest goes into the file.
        bundle: that scored the items.
    """
    if is_done(out, chunk.index, plan):
        # Of two processes that were given the same chunk the first one's stays: nothing that was merged changes
        # afterwards.
        return
    table = results_table(chunk.results, bundle.target, bundle.model_sha256)
    metadata = {
        "plan": plan.digest,
        "batch_size": str(chunk.batch_size),
        "retries": str(chunk.retries),
        "values": json.dumps(chunk.values),
    }
    with writing_private(chunk_path(out, chunk.index)) as temporary:
        # By way of memory: a full disk is then reported in the system's own words.
        content = io.BytesIO()
        table.write_parquet(content, metadata=metadata)
        temporary.write_bytes(content.getvalue())


def is_done(out: Path, index: int, plan: Plan) -> bool:
    """Whether chunk ``index`` is there, whole and of this plan."""
    return read_metadata(out, index, plan) is not None


def read_metadata(out: Path, index: int, plan: Plan) -> ChunkMetadata | None:
    """How chunk ``index`` was computed; None where it is not there, not whole, or of another plan."""
    try:
        metadata = pl.read_parquet_metadata(chunk_path(out, index))
    except (OSError, pl.exceptions.PolarsError):
        return None
    if metadata.get("plan") != plan.digest:
        return None
    # Chunks of an earlier medkd have no values.
    values = json.loads(metadata.get("values", "{}"))
    return ChunkMetadata(int(metadata["batch_size"]), int(metadata["retries"]), values)
