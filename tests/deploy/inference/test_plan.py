"""A plan is continued by the same command alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.inference.plan import Plan, read_plan
from medkd.errors import InputError

PLAN = Plan(bundle_sha256="a", items_sha256="b", items=600, batch_size=32, device="cpu")


def test_chunks_cover_every_item_once_and_every_shard_has_its_own() -> None:
    assert PLAN.chunks == 3
    table = pl.DataFrame({"item": range(600)})
    rows = [PLAN.rows(table, index)["item"].to_list() for index in range(PLAN.chunks)]
    assert [len(part) for part in rows] == [256, 256, 88]
    assert [item for part in rows for item in part] == list(range(600))
    for parts in (1, 2, 3, 7):
        assert sorted(index for part in range(1, parts + 1) for index in PLAN.shard(part, parts)) == [0, 1, 2]


def test_the_same_plan_continues_and_its_file_is_its_owners_alone(tmp_path: Path) -> None:
    PLAN.begin(tmp_path / "out")
    before = (tmp_path / "out" / "plan.json").read_bytes()
    PLAN.begin(tmp_path / "out")
    assert (tmp_path / "out" / "plan.json").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "out" / "plan.json").stat().st_mode) == 0o600
    assert read_plan(tmp_path / "out" / "plan.json") == PLAN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bundle_sha256": "c"}, r"begun with another bundle \("),
        ({"items_sha256": "c"}, r"begun with another list of items \("),
        ({"batch_size": 7}, "begun with another batch size: 32"),
        ({"device": "cuda"}, "begun with another device: cpu"),
        ({"runtime": "onnx"}, "begun with another runtime: torch"),
        ({"precision": 16}, "begun with another precision: 32"),
        ({"chunk": 100}, "begun with another version of medkd"),
    ],
)
def test_another_plan_is_refused_and_has_another_digest(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    PLAN.begin(tmp_path)
    other = PLAN.model_copy(update=change)
    assert other.digest != PLAN.digest
    with pytest.raises(InputError, match=message):
        other.begin(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1}, "begun with another version of medkd"),
        ({"schema_version": 3}, "begun with another version of medkd"),
        ({"items": "600"}, "items is '600'"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    PLAN.begin(tmp_path)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        PLAN.begin(tmp_path)
    path.write_text("{")
    with pytest.raises(InputError, match=r"plan\.json is damaged"):
        PLAN.begin(tmp_path)


@pytest.mark.parametrize("name", ["predictions.parquet", "predictions.csv", "quarantine.csv", "run.json"])
def test_files_of_somebody_else_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"holds a {name}"):
        PLAN.begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
