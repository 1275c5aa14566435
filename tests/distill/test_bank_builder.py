"""Banks: out of fold by default, continued after a kill, with all embeddings in one space."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import ortho_group

from medkd.data.core.output import Output
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split
from medkd.distill import bank_builder
from medkd.distill.bank import BankMeta, TeacherBank
from medkd.distill.bank_builder import build_bank
from medkd.distill.folds import Member
from medkd.distill.learner import FittedModel, Learner
from medkd.errors import InputError
from medkd.pipeline.graph import Graph

DIM = 6

# A real build that dies by SIGKILL at the third chunk.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from medkd.data.splits.split import Split
from medkd.data.loading.store import Prepared
from medkd.distill import bank_builder
from medkd.distill.bank import BankMeta
from medkd.distill.folds import Member
from medkd.distill.learner import FittedModel
bank_builder.CHUNK = 8
compute, chunks = bank_builder._outputs, []
def dying(*arguments):
    chunks.append(1)
    if len(chunks) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(*arguments)
bank_builder._outputs = dying
held = json.loads(Path(sys.argv[1]).read_text())
meta = BankMeta(**held["meta"] | {name: tuple(held["meta"][name]) for name in ("held_out", "fields")})
members = [Member(FittedModel.load(Path(folder)), frozenset(folds)) for folder, folds in held["members"]]
prepared = {name: Prepared.open(Path(folder)) for name, folder in held["prepared"].items()}
bank_builder.build_bank(Path(held["bank"]), members, Split.load(Path(held["split"])), prepared, meta)
"""


@dataclass
class MarkedTeacher(Learner):
    """A teacher whose logit is ``mark`` plus the row, and whose embedding is a rotated and shifted copy."""

    mark: float
    turn: np.ndarray = field(default_factory=lambda: np.eye(DIM))
    shift: float = 0.0
    asked: list[str] = field(default_factory=list)

    def predict(self, prepared: Mapping[str, Prepared], sample_ids: Sequence[str]) -> Output:
        self.asked += sample_ids
        rows = prepared["ecg"].rows(sample_ids)
        embedding = space(prepared["ecg"])[rows] @ self.turn + self.shift
        return Output(
            torch.from_numpy(self.mark + rows[:, None].astype(np.float32)),
            embedding=torch.from_numpy(embedding.astype(np.float32)),
        )

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def space(stored: Prepared) -> np.ndarray:
    """An embedding of each row, with spreads that differ by axis."""
    return np.random.default_rng(5).standard_normal((len(stored.index), DIM)) * np.linspace(1, 3, DIM) + np.arange(DIM)


@pytest.fixture
def prepared(graph: Graph) -> dict[str, Prepared]:
    return graph.cohort.arrays("teacher")


@pytest.fixture
def meta(split: Split) -> BankMeta:
    return BankMeta(
        teachers={}, prepared={}, split_sha256=split.sha256, held_out=(0,), label_fraction=0.5, fields=("logits",)
    )


def cross_fitted(**settings: object) -> list[Member]:
    """The teacher that left out folds 0 and 1, and the one that left out 0 and 2."""
    return [
        Member(MarkedTeacher(1000.0, **settings), frozenset({0, 1})),
        Member(MarkedTeacher(5000.0, **settings), frozenset({0, 2})),
    ]  # type: ignore[arg-type]


def test_each_sample_gets_a_teacher_that_was_not_trained_on_it(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta
) -> None:
    members = cross_fitted()
    bank = build_bank(tmp_path / "bank", members, split, prepared, meta)
    outputs = dict(zip(bank.index["sample_id"], bank.arrays["logits"][:, 0].tolist(), strict=True))
    counts = {"labelled": 0, "withheld": 0}
    for name, fold, rank in split.table.select("sample_id", "fold", "label_rank").iter_rows():
        if fold == 0:
            assert name not in outputs
            continue
        row = float(prepared["ecg"].rows([name])[0])
        expected = {1: 1000.0, 2: 5000.0}[fold] if rank < 0.5 else 3000.0
        assert outputs[name] == row + expected
        counts["labelled" if rank < 0.5 else "withheld"] += 1
    assert min(counts.values()) > 5, counts
    assert not bank.index["seen"].any()
    assert set(bank.index["source"]) == {0, 1, -1}
    for index, member in enumerate(members):
        others = bank.index.filter((pl.col("source") != index) & (pl.col("source") != -1))["sample_id"]
        assert not set(member.learner.asked) & set(others), "no teacher predicts what it was trained on"  # type: ignore[attr-defined]


def test_the_order_of_teachers_split_and_store_does_not_matter(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta
) -> None:
    first = build_bank(tmp_path / "first", cross_fitted(), split, prepared, meta)
    turned = replace(split, table=split.table.reverse())
    second = build_bank(tmp_path / "second", cross_fitted()[::-1], turned, prepared, meta)
    ids = first.index["sample_id"].to_list()
    assert second.index["sample_id"].to_list() != ids
    assert second.rows(ids).logits.equal(first.rows(ids).logits)


def test_with_all_labels_no_row_is_the_mean_of_all(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta
) -> None:
    bank = build_bank(tmp_path / "bank", cross_fitted(), split, prepared, replace(meta, label_fraction=1.0))
    assert set(bank.index["source"]) == {0, 1}


def test_in_sample_rows_are_refused_unless_asked_for(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta
) -> None:
    one = cross_fitted()[:1]
    with pytest.raises(InputError, match="trained on fold 2"):
        build_bank(tmp_path / "bank", one, split, prepared, meta)
    assert not (tmp_path / "bank").exists()
    bank = build_bank(tmp_path / "bank", one, split, prepared, replace(meta, in_sample=True))
    seen = bank.index.filter(pl.col("seen"))
    labelled = set(split.role("train", (0,), 0.5)["sample_id"]) | set(split.role("val", (0,), 0.5)["sample_id"])
    assert set(seen["sample_id"]) == labelled & set(split.table.filter(pl.col("fold") == 2)["sample_id"])
    assert not bank.index.filter(pl.col("source") == -1)["seen"].any()
    with pytest.raises(InputError, match="trained on them"):
        TeacherBank.open(tmp_path / "bank")


def test_chunks_do_not_show(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_bank(tmp_path / "whole", cross_fitted(), split, prepared, meta)
    for chunk in (1, 7):
        monkeypatch.setattr(bank_builder, "CHUNK", chunk)
        parts = build_bank(tmp_path / f"parts{chunk}", cross_fitted(), split, prepared, meta)
        assert parts.arrays["logits"].tobytes() == whole.arrays["logits"].tobytes()
        assert parts.index.equals(whole.index)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts1", "parts7", "whole"]


def test_chunks_of_another_size_are_discarded(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_bank(tmp_path / "whole", cross_fitted(), split, prepared, meta)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bank_builder, "CHUNK", 7)
        patch.setattr(bank_builder, "write_bank", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_bank(tmp_path / "bank", cross_fitted(), split, prepared, meta)
    assert list(tmp_path.glob(".bank.chunks-*"))
    found = build_bank(tmp_path / "bank", cross_fitted(), split, prepared, meta)
    assert found.arrays["logits"].tobytes() == whole.arrays["logits"].tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank", "whole"]


@pytest.mark.parametrize("fields", [("logits",), ("logits", "embedding")], ids="+".join)
def test_a_build_killed_half_way_continues_to_the_same_bytes(
    tmp_path: Path,
    split: Split,
    graph: Graph,
    run: Path,
    meta: BankMeta,
    save_learner: Callable[..., FittedModel],
    monkeypatch: pytest.MonkeyPatch,
    fields: tuple[str, ...],
) -> None:
    meta = replace(meta, fields=fields)
    held_out = [(0, 1), (0, 2)]
    folders = [str(tmp_path / f"teacher{index}") for index in range(2)]
    members = [
        Member(save_learner(Path(folder), i, folds), frozenset(folds))
        for i, (folder, folds) in enumerate(zip(folders, held_out, strict=True))
    ]
    prepared = graph.cohort.arrays("teacher")
    monkeypatch.setattr(bank_builder, "CHUNK", 8)
    whole = build_bank(tmp_path / "whole" / "bank", members, split, prepared, meta)
    plan = {
        "meta": asdict(meta),
        "members": list(zip(folders, held_out, strict=True)),
        "prepared": {name: str(stored.folder) for name, stored in prepared.items()},
        "split": str(run / "split" / "seed0" / "split.json"),
        "bank": str(tmp_path / "killed" / "bank"),
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "plan.json")], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr.decode()[-2000:]
    with pytest.raises(InputError, match="no finished bank"):
        TeacherBank.open(tmp_path / "killed" / "bank")

    asked: set[str] = set()
    predict = FittedModel.predict

    def recorded(self: FittedModel, stored: Mapping[str, Prepared], ids: Sequence[str]) -> Output:
        asked.update(ids)
        return predict(self, stored, ids)

    monkeypatch.setattr(FittedModel, "predict", recorded)
    build_bank(tmp_path / "killed" / "bank", members, split, prepared, meta)
    if fields == ("logits",):
        finished = whole.index["sample_id"][:16]
        assert asked == set(whole.index["sample_id"][16:])
        assert not asked & set(finished)
    for name in ("index.parquet", "meta.json", *(f"{kept}.npy" for kept in fields)):
        assert (tmp_path / "killed" / "bank" / name).read_bytes() == (
            tmp_path / "whole" / "bank" / name
        ).read_bytes(), name
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["bank"]


def test_what_a_build_with_other_teachers_left_is_not_used(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_builder, "CHUNK", 8)
    compute, chunks = bank_builder._outputs, []

    def failing(*arguments: object) -> object:
        chunks.append(1)
        if len(chunks) == 3:
            raise MemoryError
        return compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bank_builder, "_outputs", failing)
    with pytest.raises(MemoryError):
        build_bank(tmp_path / "bank", cross_fitted(), split, prepared, replace(meta, teachers={"before": "0" * 64}))
    assert not (tmp_path / "bank").exists()
    monkeypatch.setattr(bank_builder, "_outputs", compute)
    others = [Member(MarkedTeacher(10.0), frozenset({0, 1})), Member(MarkedTeacher(20.0), frozenset({0, 2}))]
    bank = build_bank(tmp_path / "bank", others, split, prepared, meta)
    assert bank.arrays["logits"].max() < 1000
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


@pytest.mark.parametrize("mirrored", [False, True])
def test_embeddings_of_a_turned_copy_of_a_teacher_are_mapped_back(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta, mirrored: bool
) -> None:
    turn = ortho_group.rvs(DIM, random_state=1)
    if (np.linalg.det(turn) < 0) != mirrored:
        turn[0] *= -1
    members = [
        Member(MarkedTeacher(0.0), frozenset({0, 1})),
        Member(MarkedTeacher(0.0, turn, shift=40.0), frozenset({0, 2})),
    ]
    bank = build_bank(tmp_path / "bank", members, split, prepared, replace(meta, fields=("logits", "embedding")))
    ids = bank.index["sample_id"].to_list()
    found = bank.rows(ids).embedding
    assert found is not None
    np.testing.assert_allclose(found.numpy(), space(prepared["ecg"])[prepared["ecg"].rows(ids)], atol=1e-3)


def test_a_teacher_without_an_embedding_cannot_fill_a_bank_that_keeps_one(
    tmp_path: Path, split: Split, prepared: dict[str, Prepared], meta: BankMeta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MarkedTeacher, "predict", lambda self, stored, ids: Output(torch.zeros(len(ids), 1)))
    with pytest.raises(InputError, match="no embedding to keep"):
        build_bank(tmp_path / "bank", cross_fitted(), split, prepared, replace(meta, fields=("logits", "embedding")))
