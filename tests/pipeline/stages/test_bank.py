"""Bank stages: each sample has the output of the teacher that left it out, and controls know less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medkd.data.io.load import read_table
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FittedModel
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.stage import Stage

BANK, SHUFFLED, LABEL_ONLY = (
    f"labels1/seed0/bank-{name}-fold0" for name in ("teacher", "shuffled_teacher", "label_only_teacher")
)


def opened(fast_run: Path, name: str) -> TeacherBank:
    return TeacherBank.open(fast_run / name / "bank")


@pytest.mark.parametrize("fold", [1, 2])
def test_a_sample_has_the_output_of_the_teacher_that_was_fitted_without_its_fold(fast_run: Path, fold: int):
    bank = opened(fast_run, BANK)
    ids = bank.index.filter(bank.index["fold"] == fold)["sample_id"].to_list()
    assert len(ids) > 20
    model = FittedModel.load(fast_run / f"labels1/seed0/teacher-without-0-{fold}" / "learner")
    expected = model.predict(PreparedCohort.load(fast_run).arrays("teacher"), ids).logits
    np.testing.assert_allclose(bank.rows(ids).logits, expected, atol=1e-5)


def test_the_outer_fold_is_not_in_the_bank(fast_run: Path, stages: dict[str, Stage]):
    bank = opened(fast_run, BANK)
    split = stages[BANK].needs["split"].load(fast_run)  # type: ignore[attr-defined]
    assert not set(bank.index["sample_id"]) & set(split.role("test", (0,))["sample_id"])
    assert not bank.index["seen"].any()
    assert (bank.meta.held_out, bank.meta.split_sha256) == ((0,), split.sha256)


def test_shuffled_outputs_are_those_of_the_same_fold_at_other_samples(fast_run: Path):
    bank, shuffled = opened(fast_run, BANK), opened(fast_run, SHUFFLED)
    assert shuffled.index.equals(bank.index)
    fold = bank.index["fold"].to_numpy()
    for number in np.unique(fold):
        before, after = (np.asarray(one.arrays["logits"])[fold == number, 0] for one in (bank, shuffled))
        np.testing.assert_array_equal(np.sort(before), np.sort(after))
        assert (before != after).mean() > 0.8


def test_a_label_only_teacher_gives_each_class_its_mean(fast_run: Path):
    bank, control = opened(fast_run, BANK), opened(fast_run, LABEL_ONLY)
    column = PreparedCohort.load(fast_run).target.columns[0]
    samples = read_table(PreparedCohort.samples_file(fast_run))
    label = dict(zip(samples["sample_id"], samples[column], strict=True))
    ids = control.index["sample_id"].to_list()
    y = np.array([label[name] for name in ids])
    assert set(y.tolist()) == {0, 1}
    for value in (0, 1):
        chosen = [name for name, known in zip(ids, y, strict=True) if known == value]
        mean = np.asarray(bank.rows(chosen).logits).mean()
        np.testing.assert_allclose(control.rows(chosen).logits, mean, atol=1e-5)
