"""Out-of-fold assignment: no row of a bank comes from a teacher that was trained on it, unless asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medkd.data.core.output import Output
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split
from medkd.distill.folds import MEAN, Member, plan_rows
from medkd.distill.learner import Learner
from medkd.errors import InputError


class Unused(Learner):
    """A plan asks nothing of a teacher but its folds."""

    def predict(self, prepared: Mapping[str, Prepared], sample_ids: Sequence[str]) -> Output:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def members(*held_out: tuple[int, ...]) -> list[Member]:
    return [Member(Unused(), frozenset(folds)) for folds in held_out]


@pytest.fixture(scope="module")
def split() -> Split:
    """Eight samples in each of four folds, half of them labelled at a fraction of 0.5."""
    rows = range(32)
    table = pl.DataFrame(
        {
            "sample_id": [f"s{row}" for row in rows],
            "subject_id": [f"p{row}" for row in rows],
            "fold": [row % 4 for row in rows],
            "inner": [row % 8 < 4 for row in rows],
            "label_rank": [(row // 4 + 0.5) / 8 for row in rows],
        }
    )
    return Split(table, "kfold:4", 0, (0, 1, 2, 3), (0, 1, 2, 3))


def test_the_refit_gets_outputs_for_every_sample(split: Split) -> None:
    plan = plan_rows(split, (), 1.0, members((0,), (1,), (2,), (3,)), in_sample=False)
    assert plan["sample_id"].to_list() == split.table["sample_id"].to_list()
    assert plan["source"].to_list() == plan["fold"].to_list()
    assert not plan["seen"].any()


def test_held_out_folds_have_no_row_and_withheld_labels_get_the_mean(split: Split) -> None:
    plan = plan_rows(split, (0,), 0.5, members((0, 2), (0, 1), (0, 3)), in_sample=False)
    assert set(plan["fold"]) == {1, 2, 3}
    labelled = split.table.filter(pl.col("label_rank") < 0.5)["sample_id"].to_list()
    expected = {1: 1, 2: 0, 3: 2}
    for name, fold, source, seen in plan.iter_rows():
        assert source == (expected[fold] if name in labelled else MEAN)
        assert not seen
    assert {MEAN, 0, 1, 2} == set(plan["source"])


def test_a_fold_that_no_teacher_left_out_is_refused_or_marked(split: Split) -> None:
    with pytest.raises(InputError, match="every teacher was trained on fold 3"):
        plan_rows(split, (0,), 0.5, members((0, 1), (0, 2)), in_sample=False)
    plan = plan_rows(split, (0,), 0.5, members((0, 1), (0, 2)), in_sample=True)
    assert set(plan.filter("seen")["fold"]) == {3}
    assert set(plan.filter("seen")["source"]) == {0}
    assert not plan.filter(pl.col("source") == MEAN)["seen"].any(), "no teacher saw a withheld label"


def test_the_order_of_the_split_does_not_matter(split: Split) -> None:
    teachers = members((0, 1), (0, 2), (0, 3))
    first = plan_rows(split, (0,), 0.5, teachers, in_sample=False)
    other = plan_rows(replace(split, table=split.table.reverse()), (0,), 0.5, teachers, in_sample=False)
    assert other.reverse().equals(first)
