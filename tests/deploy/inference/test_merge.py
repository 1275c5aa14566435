"""Merged tables hold every item once: scored, or quarantined with its reason."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.inference.chunks import Chunk, chunk_path, write_chunk
from medkd.deploy.inference.merge import RunCounts, count_items, scan_quarantined, write_predictions
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult
from medkd.errors import InputError
from tests.deploy.inference.test_chunks import BUNDLE

PLAN = Plan(bundle_sha256="a", items_sha256="b", items=5, batch_size=32, device="cpu", chunk=2)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    results = [ItemResult(name, [0.1], [0.2], 0.5) for name in "abcd"]
    results[2] = ItemResult("=c", [0.1], [0.2], 0.5, reason="=broken")
    results.append(ItemResult("e", [0.3], [0.4], 0.5))
    PLAN.begin(tmp_path)
    for index in range(PLAN.chunks):
        write_chunk(tmp_path, Chunk(index, results[2 * index : 2 * index + 2], 32 >> index, index), PLAN, BUNDLE)
    return tmp_path


def test_counts_are_those_of_all_chunks(out: Path) -> None:
    assert count_items(out, PLAN) == RunCounts(4, 1, 2.5, smallest_batch=8, retries=3)
    assert scan_quarantined(out, PLAN).collect().rows() == [("=c", "=broken")]


def test_tables_hold_each_item_once_in_order(out: Path) -> None:
    write_predictions(out, PLAN)
    table = pl.read_parquet(out / "predictions.parquet")
    assert table["sample_id"].to_list() == ["a", "b", "d", "e"]
    assert "reason" not in table.columns
    assert pl.read_csv(out / "predictions.csv")["p_cd"].to_list() == table["p_cd"].to_list()
    assert pl.read_csv(out / "quarantine.csv").rows() == [("'=c", "'=broken")]
    before = (out / "predictions.parquet").read_bytes()
    write_predictions(out, PLAN)
    assert (out / "predictions.parquet").read_bytes() == before


def test_a_chunk_damaged_inside_is_named(out: Path) -> None:
    content = bytearray(chunk_path(out, 1).read_bytes())
    content[4:200] = bytes(196)
    chunk_path(out, 1).write_bytes(content)
    with pytest.raises(InputError, match=r"00001\.parquet is damaged.*Remove it"):
        write_predictions(out, PLAN)
