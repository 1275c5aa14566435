"""One chunk of a run on disk: whole, or not there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medkd.data.core.target import Target
from medkd.data.io.private import writing_private
from medkd.deploy.inference.plan import CHUNKS, Plan
from medkd.deploy.inference.quarantine import Quarantined
from medkd.errors import InputError


@dataclass(frozen=True)
class Scored:
    """What came of one item.

    Args:
        sample_id: its name.
        raw, calibrated: a value a class; not written when it was set aside.
        seconds: reading, preparing and its share of the network's time.
        quarantined: why it was set aside, if it was.
        set: its conformal set in words; None where the bundle has none.
        drift: how far it lies from the training samples; None where the bundle cannot tell.
    """

    sample_id: str
    raw: Sequence[float]
    calibrated: Sequence[float]
    seconds: float
    quarantined: Quarantined | None = None
    set: str | None = None
    drift: float | None = None


@dataclass(frozen=True)
class ChunkFacts:
    """How a chunk was computed.

    Args:
        batch_size: rows a pass at its end; smaller than the plan's where memory ran out.
        retries: how often records of it were tried again.
    """

    batch_size: int
    retries: int = 0


def columns_of(target: Target) -> dict[str, pl.DataType]:
    """Columns of the table of predictions and their types.

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


def write_chunk(
    out: Path, index: int, scored: Sequence[Scored], facts: ChunkFacts, *, target: Target, model_sha256: str, plan: Plan
) -> None:
    """Write one chunk whole; one that is there already is left as it is.

    Args:
        out: the run's folder.
        index: of the chunk.
        scored: its items, in order.
        facts: how it was computed.
        target, model_sha256, plan: of the run.
    """
    if is_done(out, index, plan):
        # Of two processes that were given the same chunk the first one's stays: nothing that was merged changes
        # afterwards.
        return
    rows = [_row(item, model_sha256, len(target.names)) for item in scored]
    table = pl.DataFrame(rows, schema={**columns_of(target), "reason": pl.String()}, orient="row")
    kept = {"plan": plan.digest, "batch_size": str(facts.batch_size), "retries": str(facts.retries)}
    with writing_private(chunk_path(out, index)) as temporary:
        # By way of memory: a full disk is then told by the system's own words.
        content = io.BytesIO()
        table.write_parquet(content, metadata=kept)
        temporary.write_bytes(content.getvalue())


def is_done(out: Path, index: int, plan: Plan) -> bool:
    """Whether chunk ``index`` is there, whole and of this plan."""
    return read_facts(out, index, plan) is not None


def read_facts(out: Path, index: int, plan: Plan) -> ChunkFacts | None:
    """How chunk ``index`` was computed; None where it is not there, not whole, or of another plan."""
    try:
        held = pl.read_parquet_metadata(chunk_path(out, index))
    except (OSError, pl.exceptions.PolarsError):
        return None
    return ChunkFacts(int(held["batch_size"]), int(held["retries"])) if held.get("plan") == plan.digest else None


def _row(item: Scored, model_sha256: str, classes: int) -> tuple[object, ...]:
    if item.quarantined is not None:
        nothing = (None,) * (2 * classes + 2)
        return (item.sample_id, *nothing, model_sha256, item.seconds, "quarantined", item.quarantined.reason)
    return (item.sample_id, *item.raw, *item.calibrated, item.set, item.drift, model_sha256, item.seconds, "ok", None)
