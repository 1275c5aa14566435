"""A bank is whole, fresh and out of fold, or it is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from medkd.distill.bank import TeacherBank
from medkd.errors import InputError


@pytest.fixture
def own(make_bank: Callable[..., Path], tmp_path: Path) -> Path:
    """A bank and its teachers that a test may change."""
    return make_bank(tmp_path / "own")


def watching(bank: Path, graph_folder: Path) -> Path:
    """Let the bank's metadata point at a copy of its prepared arrays."""
    file = bank / "meta.json"
    held = json.loads(file.read_text())
    ((source, sha256),) = held["prepared"].items()
    shutil.copytree(source, graph_folder)
    file.write_text(json.dumps(held | {"prepared": {str(graph_folder): sha256}}))
    TeacherBank.open(bank)
    return graph_folder / "meta.json"


def test_rows_are_matched_by_sample_id_whatever_the_order(bank: Path) -> None:
    held = TeacherBank.open(bank)
    ids = held.index["sample_id"].to_list()
    mixed = np.random.default_rng(0).permutation(len(ids))[:20].tolist()
    found = held.rows([ids[row] for row in mixed])
    assert found.logits.numpy().tobytes() == held.arrays["logits"][mixed].tobytes()
    assert found.embedding is not None
    assert found.embedding.numpy().tobytes() == held.arrays["embedding"][mixed].tobytes()
    turned = replace(
        held, index=held.index.reverse(), arrays={name: array[::-1] for name, array in held.arrays.items()}
    )
    assert turned.rows([ids[row] for row in mixed]).logits.equal(found.logits)
    assert held.rows([ids[3], ids[3]]).logits.unique(dim=0).shape[0] == 1


def test_a_sample_that_no_teacher_spoke_on_is_an_error_not_a_zero(bank: Path) -> None:
    held = TeacherBank.open(bank)
    with pytest.raises(InputError, match="lacks 2 of 3 samples") as told:
        held.rows([held.index["sample_id"][0], "patient X", "patient Y"])
    assert "patient" not in str(told.value)


def test_the_outer_test_fold_is_not_in_it(bank: Path, split: object) -> None:
    held = TeacherBank.open(bank)
    outer = split.role("test", (0,))["sample_id"].to_list()  # type: ignore[attr-defined]
    assert outer
    assert not set(outer) & set(held.index["sample_id"])
    with pytest.raises(InputError, match="lacks"):
        held.rows(outer[:1])


def test_answers_cannot_be_changed_through_what_was_read(bank: Path) -> None:
    held = TeacherBank.open(bank)
    ids = held.index["sample_id"].to_list()[:4]
    before = held.rows(ids).logits.clone()
    held.rows(ids).logits.fill_(7.0)
    assert held.rows(ids).logits.equal(before)
    assert not held.arrays["logits"].flags.writeable
    assert not before.requires_grad


def test_a_teacher_with_other_weights_makes_it_stale(own: Path) -> None:
    TeacherBank.open(own)
    file = own.parent / "teacher1" / "model.safetensors"
    weights = load_file(file)
    name = next(name for name, value in weights.items() if value.dtype == torch.float32)
    weights[name].view(-1)[0] += 1e-4
    save_file(weights, file)
    with pytest.raises(InputError, match="teacher changed"):
        TeacherBank.open(own)
    assert TeacherBank.open(own, check=False).index.height


def test_a_teacher_with_other_statistics_makes_it_stale(own: Path) -> None:
    file = own.parent / "teacher0" / "learner.yaml"
    held = yaml.safe_load(file.read_text())
    held["statistics"]["ecg"]["std"][0] *= 2
    file.write_text(yaml.safe_dump(held, sort_keys=False))
    with pytest.raises(InputError, match="teacher changed"):
        TeacherBank.open(own)


def test_other_preprocessing_makes_it_stale(own: Path, tmp_path: Path) -> None:
    meta = watching(own, tmp_path / "prepared")
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"values_sha256": "0" * 64}))
    with pytest.raises(InputError, match="preprocessing changed"):
        TeacherBank.open(own)


def test_preprocessing_that_is_gone_makes_it_stale(own: Path, tmp_path: Path) -> None:
    watching(own, tmp_path / "prepared").unlink()
    with pytest.raises(InputError, match="preprocessing changed"):
        TeacherBank.open(own)


def test_a_teacher_that_was_removed_does_not_cost_its_answers(own: Path) -> None:
    shutil.rmtree(own.parent / "teacher0")
    assert TeacherBank.open(own).index.height


@pytest.mark.parametrize("mark", ["row", "meta"])
def test_in_sample_answers_are_refused_unless_asked_for(own: Path, mark: str) -> None:
    if mark == "row":
        index = pl.read_parquet(own / "index.parquet")
        seen = pl.Series("seen", [row == 5 for row in range(index.height)])
        index.with_columns(seen).write_parquet(own / "index.parquet")
    else:
        held = json.loads((own / "meta.json").read_text())
        (own / "meta.json").write_text(json.dumps(held | {"in_sample": True}))
    with pytest.raises(InputError, match="teachers that were trained on them") as told:
        TeacherBank.open(own)
    assert "in_sample: true" in str(told.value)
    assert TeacherBank.open(own, in_sample=True).index.height


def test_an_unfinished_bank_is_none(own: Path, tmp_path: Path) -> None:
    (own / "meta.json").unlink()
    for folder in (own, tmp_path / "nothing"):
        with pytest.raises(InputError, match="no finished bank"):
            TeacherBank.open(folder)


def test_everything_that_it_was_made_from_is_in_its_digest(bank: Path) -> None:
    meta = TeacherBank.open(bank).meta
    folder = next(iter(meta.teachers))
    others = [
        replace(meta, teachers=meta.teachers | {folder: "0" * 64}),
        replace(meta, prepared=dict.fromkeys(meta.prepared, "0" * 64)),
        replace(meta, split_sha256="0" * 64),
        replace(meta, held_out=(1,)),
        replace(meta, label_fraction=0.4),
        replace(meta, fields=("logits",)),
        replace(meta, in_sample=True),
        replace(meta, made_by="shuffled_teacher"),
    ]
    assert len({meta.digest, *(other.digest for other in others)}) == 9
    assert replace(meta).digest == meta.digest


def test_a_bank_of_outputs_is_matched_by_sample_id() -> None:
    logits = torch.arange(6.0).reshape(3, 2)
    bank = TeacherBank.from_outputs(["a", "b", "c"], logits, embedding=10 * logits)
    assert bank.rows(["c", "a"]).logits.equal(logits[[2, 0]])
    assert torch.equal(bank.rows(["b"]).embedding, 10 * logits[1:2])
    with pytest.raises(InputError, match="bank lacks 1 of 2 samples"):
        bank.rows(["a", "d"])


@pytest.mark.parametrize(
    ("names", "rows", "words"), [(["a", "b"], 3, "logits has 3 rows for 2 samples"), (["a", "a"], 2, "repeated")]
)
def test_outputs_that_do_not_fit_their_ids_are_refused(names: list[str], rows: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TeacherBank.from_outputs(names, torch.zeros(rows, 1))
