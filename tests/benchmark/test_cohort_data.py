"""Data sets of a real cohort: who is on which side, and what the views are made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.benchmark import cohort_data
from medkd.benchmark.cohort_data import OuterFold, outer_folds
from medkd.data.io.load import read_table
from medkd.data.splits.draw import draw_split
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import PreparedCohort


@pytest.fixture(scope="module")
def cohort(fast_run: Path) -> PreparedCohort:
    return PreparedCohort.load(fast_run)


@pytest.fixture(scope="module")
def samples(fast_run: Path) -> pl.DataFrame:
    return read_table(PreparedCohort.samples_file(fast_run))


def drawn(cohort: PreparedCohort, samples: pl.DataFrame, scored: str = "test") -> list[OuterFold]:
    return outer_folds(cohort, samples, [0], 0.5, scored)  # type: ignore[arg-type]


def test_every_subject_is_scored_once_per_seed_and_folds_are_of_one_size(cohort: PreparedCohort, samples: pl.DataFrame):
    folds = drawn(cohort, samples)
    labelled = samples.filter(pl.col(cohort.target.columns[0]).is_not_null())
    assert sorted(name for fold in folds for name in fold.subjects) == sorted(labelled["subject_id"])
    assert len({(len(fold.dataset.y), fold.dataset.labelled) for fold in folds}) == 1
    assert len({fold.dataset.seed for fold in folds}) == len(folds)
    for fold in folds:
        assert len(fold.subjects) == len(fold.dataset.scored_y) == len(fold.dataset.scored_views["student"])
        assert set(fold.dataset.y[: fold.dataset.labelled].tolist()) == {0, 1}


def test_views_are_made_by_the_training_samples_alone(
    cohort: PreparedCohort, samples: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    split = draw_split(samples, cohort.target, cohort.protocol, 0, cohort.official)
    test = set(split.role("test", [0], 1.0)["sample_id"])
    flat = cohort_data._flat

    def perturbed(one: PreparedCohort, role: str, names: list[str]) -> np.ndarray:
        values = flat(one, role, names).copy()
        values[[name in test for name in names]] *= 5
        return values

    before = drawn(cohort, samples)[0].dataset
    monkeypatch.setattr(cohort_data, "_flat", perturbed)
    after = drawn(cohort, samples)[0].dataset
    for role in ("teacher", "student"):
        np.testing.assert_array_equal(before.views[role], after.views[role])
        assert not np.allclose(before.scored_views[role], after.scored_views[role])


def test_inner_validation_scores_other_samples_than_the_outer_fold(cohort: PreparedCohort, samples: pl.DataFrame):
    for inner, outer in zip(drawn(cohort, samples, "val"), drawn(cohort, samples), strict=True):
        assert not set(inner.subjects) & set(outer.subjects)
        np.testing.assert_array_equal(inner.dataset.views["student"][0], outer.dataset.views["student"][0])


def test_folds_of_different_size_are_cut_to_the_smallest_labelled_ones_first(
    cohort: PreparedCohort, samples: pl.DataFrame
):
    one = drawn(cohort, samples)[0]
    data = one.dataset
    fewer = replace(one, dataset=replace(data, labelled=data.labelled - 3))
    cut = cohort_data._cut([one, fewer])
    assert {fold.dataset.labelled for fold in cut} == {data.labelled - 3}
    unlabelled = len(data.y) - data.labelled
    assert {len(fold.dataset.y) for fold in cut} == {data.labelled - 3 + unlabelled}
    # Of the longer one the labelled samples that are too many are left out, not the unlabelled ones.
    np.testing.assert_array_equal(cut[0].dataset.y[data.labelled - 3 :], data.y[data.labelled :])


def test_a_target_that_is_not_binary_is_refused(cohort: PreparedCohort, samples: pl.DataFrame):
    target = replace(cohort.target, kind="multiclass", classes=("a", "b"))
    with pytest.raises(InputError, match="is multiclass"):
        drawn(cohort.model_copy(update={"target": target}), samples)
