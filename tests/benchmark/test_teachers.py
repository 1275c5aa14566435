"""Who is heard on which sample, and what nobody may have seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from medkd.benchmark.dataset import Problem, Problems, stacked, synthetic
from medkd.benchmark.synthetic_world import Family
from medkd.benchmark.teachers import Fit, taught

FITS = {role: Fit(rate=5e-3, decay=0.1, steps=60, batch=16) for role in ("teacher", "student")}
LABELLED = 50


@pytest.fixture
def problem() -> Problem:
    return synthetic(Family(), 100, 0.5, 50, seed=1)


def one(problem: Problem) -> Problems:
    return stacked([problem])


def flipped(problem: Problem, row: int) -> Problem:
    y = problem.y.copy()
    y[row] = 1 - y[row]
    return replace(problem, y=y)


def test_a_labelled_sample_hears_the_teacher_that_left_its_fold_out(problem: Problem):
    row = 7
    before, after = (taught(one(own), "out_of_fold", FITS) for own in (problem, flipped(problem, row)))
    own_fold = np.flatnonzero(problem.fold[:LABELLED] == problem.fold[row])
    others = np.flatnonzero(problem.fold[:LABELLED] != problem.fold[row])
    torch.testing.assert_close(before.logits[0, own_fold], after.logits[0, own_fold], rtol=0, atol=0)
    assert (before.logits[0, others] != after.logits[0, others]).any(dim=1).all()
    in_sample = [taught(one(own), "in_sample", FITS).logits[0, row, 1] for own in (problem, flipped(problem, row))]
    assert in_sample[0] != in_sample[1]


def test_a_withheld_label_reaches_nobody(problem: Problem):
    for teacher in ("out_of_fold", "in_sample", "self_teacher", "shuffled_teacher"):
        before, after = (taught(one(own), teacher, FITS).logits for own in (problem, flipped(problem, LABELLED + 3)))
        torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_the_self_teacher_sees_the_students_view_alone(problem: Problem):
    blind = replace(
        problem, views=problem.views | {"teacher": np.random.default_rng(0).permutation(problem.views["teacher"])}
    )
    torch.testing.assert_close(
        taught(one(problem), "self_teacher", FITS).logits,
        taught(one(blind), "self_teacher", FITS).logits,
        rtol=0,
        atol=0,
    )
    assert not torch.equal(
        taught(one(problem), "out_of_fold", FITS).logits, taught(one(blind), "out_of_fold", FITS).logits
    )


def test_shuffled_answers_are_dealt_within_folds(problem: Problem):
    real, dealt = taught(one(problem), "out_of_fold", FITS), taught(one(problem), "shuffled_teacher", FITS)
    assert not torch.equal(real.logits, dealt.logits)
    for fold in range(5):
        here = problem.fold == fold
        torch.testing.assert_close(real.logits[0, here, 1].sort().values, dealt.logits[0, here, 1].sort().values)


def test_a_label_only_teacher_knows_the_class_and_is_silent_elsewhere(problem: Problem):
    said = taught(one(problem), "label_only_teacher", FITS)
    assert said.logits[0, LABELLED:].isnan().all()
    for label in (0, 1):
        rows = said.logits[0, :LABELLED][torch.from_numpy(problem.y[:LABELLED] == label)]
        torch.testing.assert_close(rows, rows[:1].expand_as(rows))
