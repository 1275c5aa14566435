"""The controls' teachers know less, and exactly so much less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.distill.bank import BankMeta, TeacherBank, write_bank
from medkd.distill.control_banks import label_only_bank, shuffled_bank
from medkd.errors import InputError

ROWS = 90
BINARY = Target("cd", "binary", ("cd",))
STAGE = Target("stage", "multiclass", ("stage",), ("wake", "light", "deep"))
TWO = Target("two", "multilabel", ("cd", "mi"))


@pytest.fixture
def source(tmp_path: Path) -> TeacherBank:
    """Answers that are all different; a third of the labels withheld; three folds."""
    rng = np.random.default_rng(0)
    number = np.arange(ROWS)
    withheld = rng.permutation(number) < ROWS // 3
    withheld[[6, 7]] = False
    index = pl.DataFrame(
        {
            "sample_id": [f"s{row}" for row in number],
            "fold": number % 3,
            "source": np.where(withheld, -1, number % 3),
            "seen": [False] * ROWS,
        }
    )
    meta = BankMeta(
        teachers={},
        prepared={},
        split_sha256="a" * 64,
        held_out=(3,),
        label_fraction=0.66,
        fields=("logits", "embedding"),
    )
    (tmp_path / "source").mkdir()
    write_bank(
        tmp_path / "source",
        meta,
        index,
        {"logits": rng.standard_normal((ROWS, 2)), "embedding": rng.standard_normal((ROWS, 5))},
    )
    return TeacherBank.open(tmp_path / "source")


@pytest.fixture
def samples() -> pl.DataFrame:
    """In another order than the bank; s6's label is missing, of s7 one of two."""
    rng = np.random.default_rng(1)
    table = pl.DataFrame(
        {
            "sample_id": [f"s{row}" for row in range(ROWS)],
            "cd": rng.integers(0, 2, ROWS).astype(float),
            "mi": rng.integers(0, 2, ROWS).astype(float),
            "stage": rng.integers(0, 3, ROWS),
        }
    )
    lost, half = pl.col("sample_id") == "s6", pl.col("sample_id") == "s7"
    table = table.with_columns(
        pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in ("cd", "mi", "stage")
    )
    return table.with_columns(mi=pl.when(half).then(None).otherwise(pl.col("mi"))).sample(
        fraction=1.0, shuffle=True, seed=0
    )


def answers(bank: TeacherBank) -> np.ndarray:
    return np.concatenate([np.asarray(bank.arrays["logits"]), np.asarray(bank.arrays["embedding"])], axis=1)


def test_shuffled_answers_are_the_same_ones_in_each_fold_and_moved(source: TeacherBank, tmp_path: Path) -> None:
    shuffled_bank(source, tmp_path / "out", seed=0)
    found = TeacherBank.open(tmp_path / "out")
    assert found.index.equals(source.index)
    assert found.meta.made_by == "shuffled_teacher"
    before, after = answers(source), answers(found)
    for fold in range(3):
        here = (source.index["fold"] == fold).to_numpy()
        assert {row.tobytes() for row in after[here]} == {row.tobytes() for row in before[here]}
    assert (before == after).all(axis=1).mean() < 0.1


def test_a_shuffle_depends_on_its_seed_alone(source: TeacherBank, tmp_path: Path) -> None:
    for number, seed in enumerate((0, 0, 1)):
        np.random.seed(number)
        shuffled_bank(source, tmp_path / f"out{number}", seed)
    first, again, other = (answers(TeacherBank.open(tmp_path / f"out{number}")) for number in range(3))
    assert (first == again).all()
    assert not (first == other).all()
    assert (answers(source) == answers(TeacherBank.open(tmp_path / "source"))).all()


@pytest.mark.parametrize("target", [BINARY, STAGE, TWO], ids=lambda target: target.kind)
def test_a_label_only_teacher_says_the_same_to_all_of_a_class(
    source: TeacherBank, samples: pl.DataFrame, tmp_path: Path, target: Target
) -> None:
    label_only_bank(source, tmp_path / "out", samples, target)
    found = TeacherBank.open(tmp_path / "out")
    assert found.meta.made_by == "label_only_teacher"
    kept = found.index.join(samples, on="sample_id", how="left", maintain_order="left")
    rows = [source._row_of[name] for name in found.index["sample_id"]]
    before = answers(source)[rows]
    after = answers(found)
    classes = np.array(["|".join(map(str, row)) for row in kept.select(target.columns).iter_rows()])
    for name in np.unique(classes):
        assert len(np.unique(after[classes == name], axis=0)) == 1, name
        np.testing.assert_allclose(
            after[classes == name, 2:],
            np.broadcast_to(before[classes == name, 2:].mean(axis=0), (int((classes == name).sum()), 5)),
            atol=1e-6,
        )
    assert len(np.unique(after, axis=0)) == len(np.unique(classes))
    assert len(np.unique(classes)) <= 6
    np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-6)
    if target.kind == "multilabel":
        for column, label in enumerate(target.columns):
            means = {
                value: before[(kept[label] == value).fill_null(False).to_numpy(), column].mean() for value in (0.0, 1.0)
            }
            for said, value in zip(after[:, column], kept[label], strict=True):
                assert value is None or said == pytest.approx(means[value], abs=1e-6)


@pytest.mark.parametrize("target", [BINARY, STAGE, TWO], ids=lambda target: target.kind)
def test_a_label_only_teacher_is_silent_where_no_label_is(
    source: TeacherBank, samples: pl.DataFrame, tmp_path: Path, target: Target
) -> None:
    label_only_bank(source, tmp_path / "out", samples, target)
    found = TeacherBank.open(tmp_path / "out")
    withheld = source.index.filter(pl.col("source") == -1)["sample_id"].to_list()
    labelled = set(source.index["sample_id"]) - set(withheld) - {"s6"}
    assert set(found.index["sample_id"]) == labelled
    assert ("s7" in labelled) == ("s7" not in withheld)
    for name in (withheld[0], "s6"):
        with pytest.raises(InputError, match="lacks 1 of 1"):
            found.rows([name])


def test_a_label_only_teacher_does_not_hear_what_the_withheld_would_have_been_told(
    source: TeacherBank, samples: pl.DataFrame, tmp_path: Path
) -> None:
    label_only_bank(source, tmp_path / "one", samples, BINARY)
    changed = {name: np.array(array) for name, array in source.arrays.items()}
    withheld = (source.index["source"] == -1).to_numpy()
    for array in changed.values():
        array[withheld] = 1e6
    (tmp_path / "changed").mkdir()
    write_bank(tmp_path / "changed", source.meta, source.index, changed)
    label_only_bank(TeacherBank.open(tmp_path / "changed"), tmp_path / "other", samples, BINARY)
    assert (answers(TeacherBank.open(tmp_path / "one")) == answers(TeacherBank.open(tmp_path / "other"))).all()
