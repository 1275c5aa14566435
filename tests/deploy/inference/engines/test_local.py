"""Scores depend on nothing but the record: not on threads, neighbours, or what was quarantined."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.engines.determinism import deterministic_kernels
from medkd.deploy.inference.engines.local import score_chunks
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult
from medkd.deploy.inference.settings import PredictSettings


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)


def scored(bundle: Bundle, brugada: Path, names: list[str], slots: int = 1, workers: int = 2) -> dict[str, ItemResult]:
    table = pl.DataFrame({"sample_id": names, "ecg": [f"files/{name}/{name}" for name in names]})
    items = Items(table, brugada, "files")
    plan = Plan(bundle_sha256="", items_sha256="", items=len(names), batch_size=4, device="cpu", chunk=5)
    done: list[int] = []
    with deterministic_kernels("cpu"):
        chunks = list(
            score_chunks(
                [bundle] * slots, items, plan, PredictSettings(workers=workers), range(plan.chunks), done.append
            )
        )
    assert [chunk.index for chunk in chunks] == list(range(plan.chunks))
    assert sum(done) == len(names)
    results = [result for chunk in chunks for result in chunk.results]
    assert [result.sample_id for result in results] == names
    return {result.sample_id: result for result in results}


def test_threads_and_quarantined_neighbours_change_no_bit(bundle: Bundle, brugada: Path) -> None:
    names = sorted(path.name for path in (brugada / "files").iterdir())[:11]
    one = scored(bundle, brugada, names, slots=1, workers=1)
    many = scored(bundle, brugada, names, slots=3, workers=4)
    assert [one[name].raw for name in names] == [many[name].raw for name in names]
    holes = [*names[:2], "gone", *names[3:]]
    holed = scored(bundle, brugada, holes, slots=2)
    assert holed["gone"].reason is not None
    for name in set(holes) & set(names):
        assert (holed[name].raw, holed[name].reason) == (one[name].raw, None)
