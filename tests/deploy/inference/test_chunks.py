"""A chunk on disk is whole and of its plan, or it is not there."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.deploy.inference.chunks import Chunk, ChunkMetadata, chunk_path, is_done, read_metadata, write_chunk
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult

PLAN = Plan(bundle_sha256="a", items_sha256="b", items=2, batch_size=32, device="cpu")
BUNDLE: Any = SimpleNamespace(target=Target("cd", "binary", ("cd",)), model_sha256="sha")
CHUNK = Chunk(0, [ItemResult("x", [0.1], [0.2], 1.0), ItemResult("y", [0.3], [0.4], 1.0)], batch_size=16, retries=3)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    PLAN.begin(tmp_path)
    write_chunk(tmp_path, CHUNK, PLAN, BUNDLE)
    return tmp_path


def test_what_was_written_is_read(out: Path) -> None:
    table = pl.read_parquet(chunk_path(out, 0))
    assert table["sample_id"].to_list() == ["x", "y"]
    assert table["p_cal_cd"].to_list() == [0.2, 0.4]
    assert set(table["model_sha256"]) == {"sha"}
    assert read_metadata(out, 0, PLAN) == ChunkMetadata(batch_size=16, retries=3)
    assert stat.S_IMODE(chunk_path(out, 0).stat().st_mode) == 0o600


def test_the_first_of_two_writers_stays(out: Path) -> None:
    before = chunk_path(out, 0).read_bytes()
    write_chunk(out, Chunk(0, [ItemResult("z", [0.9], [0.9], 9.0)], 1, 0), PLAN, BUNDLE)
    assert chunk_path(out, 0).read_bytes() == before


def test_what_is_missing_cut_short_or_of_another_plan_is_not_done(out: Path) -> None:
    assert is_done(out, 0, PLAN)
    assert not is_done(out, 1, PLAN)
    assert not is_done(out, 0, PLAN.model_copy(update={"batch_size": 7}))
    chunk_path(out, 0).write_bytes(chunk_path(out, 0).read_bytes()[:-40])
    assert not is_done(out, 0, PLAN)
    assert read_metadata(out, 0, PLAN) is None
