"""A split is written once; what was edited, overlaps or is another is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkd.data.io.digest import digest_of
from medkd.data.splits.split import Split, refuse_overlap
from medkd.errors import InputError


@pytest.fixture
def split() -> Split:
    """Six folds' worth of subjects by hand.

    Two folds, two samples of subject p0, every fourth subject inner validation.
    """
    subjects = ["p0", *(f"p{number}" for number in range(16))]
    number = [int(name[1:]) for name in subjects]
    table = pl.DataFrame(
        {
            "sample_id": [f"s{row}" for row in range(17)],
            "subject_id": subjects,
            "fold": [n % 2 for n in number],
            "inner": [n % 8 in (2, 5) for n in number],
            "label_rank": [n / 16 for n in number],
        }
    )
    return Split(table, "kfold:3", 0, (0, 1), (0, 1))


def edited(split: Split, path: Path, change: Callable[[dict[str, Any]], None], recompute: bool) -> Path:
    split.save(path)
    held = json.loads(path.read_text())
    change(held)
    if recompute:
        held["sha256"] = digest_of(
            {key: value for key, value in held.items() if key not in ("schema_version", "sha256")}
        )
    path.write_text(json.dumps(held))
    return path


def move_one_sample(held: dict[str, Any]) -> None:
    held["rows"]["fold"][0] = 1 - held["rows"]["fold"][0]


def one_sample_to_inner(held: dict[str, Any]) -> None:
    held["rows"]["inner"][0] = True


def repeat_a_sample(held: dict[str, Any]) -> None:
    held["rows"]["sample_id"][0] = held["rows"]["sample_id"][1]


def move_a_subject(held: dict[str, Any]) -> None:
    held["rows"]["fold"][-1] = 1 - held["rows"]["fold"][-1]


def give_a_label(held: dict[str, Any]) -> None:
    held["rows"]["label_rank"][-1] = 0.0


def other_seed(held: dict[str, Any]) -> None:
    held["seed"] = 7


def other_test_folds(held: dict[str, Any]) -> None:
    held["evaluated"] = [0]


def swap_two_samples(held: dict[str, Any]) -> None:
    ids = held["rows"]["sample_id"]
    ids[2], ids[3] = ids[3], ids[2]


@pytest.mark.parametrize("change", [move_one_sample, one_sample_to_inner, repeat_a_sample])
@pytest.mark.parametrize("recompute", [False, True], ids=["as edited", "sha256 recomputed"])
def test_overlap_is_refused_even_with_a_matching_sha256(
    split: Split, tmp_path: Path, change: Any, recompute: bool
) -> None:
    with pytest.raises(InputError, match=r"are in two splits|is in the split twice"):
        Split.load(edited(split, tmp_path / "split.json", change, recompute))


@pytest.mark.parametrize("change", [move_a_subject, give_a_label, other_seed, other_test_folds, swap_two_samples])
def test_every_edit_is_refused(split: Split, tmp_path: Path, change: Any) -> None:
    with pytest.raises(InputError, match="edited after it was written"):
        Split.load(edited(split, tmp_path / "split.json", change, recompute=False))


def test_an_edit_with_a_matching_sha256_is_refused_by_who_knows_the_old_one(split: Split, tmp_path: Path) -> None:
    path = edited(split, tmp_path / "split.json", move_a_subject, recompute=True)
    assert Split.load(path).sha256 != split.sha256
    with pytest.raises(InputError, match="edited after it was written"):
        Split.load(path, split.sha256)


def test_messages_do_not_say_who_a_subject_is(split: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^1 subjects are in two splits") as told:
        Split.load(edited(split, tmp_path / "split.json", move_one_sample, recompute=True))
    assert "p0" not in str(told.value)


def test_it_is_written_once(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    split.save(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    split.save(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    other = replace(split, table=split.table.with_columns(1 - pl.col("fold")))
    with pytest.raises(InputError, match="another split was written here"):
        other.save(path)
    with pytest.raises(InputError, match="another split was written here"):
        replace(split, seed=1).save(path)
    assert path.read_bytes() == before[0]


def test_what_is_written_is_read_back(split: Split, tmp_path: Path) -> None:
    split.save(tmp_path / "split.json")
    found = Split.load(tmp_path / "split.json", split.sha256)
    assert found.table.equals(split.table)
    assert (found.protocol, found.seed, found.evaluated, found.crossfit) == ("kfold:3", 0, (0, 1), (0, 1))
    assert found.sha256 == split.sha256 == json.loads((tmp_path / "split.json").read_text())["sha256"]


def test_sha256_is_of_the_assignment_not_of_the_bytes(split: Split, tmp_path: Path) -> None:
    split.save(tmp_path / "split.json")
    held = json.loads((tmp_path / "split.json").read_text())
    (tmp_path / "split.json").write_text(json.dumps(dict(reversed(held.items())), indent=4))
    assert Split.load(tmp_path / "split.json").sha256 == split.sha256


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '{"rows": {}}', '{"rows": {"sample_id": ["a"]}, "protocol": "x"}']
)
def test_what_is_no_split_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError, match="not a split file"):
        Split.load(tmp_path / "split.json")


def test_a_binary_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a split file"):
        Split.load(tmp_path / "split.json")
    with pytest.raises(InputError, match="no split file"):
        Split.load(tmp_path / "none.json")


@pytest.mark.parametrize("held_out", [(), (0,), (1,)])
@pytest.mark.parametrize("label_fraction", [0.25, 0.5, 1.0])
def test_roles_share_no_subject_and_lose_no_sample(
    split: Split, held_out: tuple[int, ...], label_fraction: float
) -> None:
    roles = {role: split.role(role, held_out, label_fraction, labelled_only=False) for role in ("train", "val", "test")}
    subjects = {role: set(part["subject_id"]) for role, part in roles.items()}
    assert not subjects["test"] & (subjects["train"] | subjects["val"])
    assert set(roles["test"]["fold"]) == set(held_out)
    if held_out:
        assert not subjects["train"] & subjects["val"]
        assert sum(part.height for part in roles.values()) == split.table.height
    else:
        assert roles["train"].equals(split.table), "the refit is trained on everybody"
    for part in roles.values():
        assert part["sample_id"].to_list() == [
            name for name in split.table["sample_id"] if name in set(part["sample_id"])
        ]


def test_label_fractions_are_nested_and_test_subjects_keep_theirs(split: Split) -> None:
    for role in ("train", "val"):
        few, some, all_ = (set(split.role(role, (0,), share)["sample_id"]) for share in (0.25, 0.6, 1.0))
        assert few < some < all_
        assert all_ == set(split.role(role, (0,), labelled_only=False)["sample_id"])
    assert split.role("test", (0,), 0.01).equals(split.role("test", (0,), 1.0))


def test_overlap_is_refused_wherever_it_comes_from(split: Split) -> None:
    refuse_overlap(split.table, "split")
    two = split.table.with_columns(subject_id=pl.lit("p0"))
    with pytest.raises(InputError, match="1 subjects are in two splits"):
        refuse_overlap(two, "split")
