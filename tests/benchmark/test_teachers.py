"""The teacher whose output is used on each sample, and the labels that it must not have seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from medkd.benchmark.dataset import Dataset, stack
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset
from medkd.benchmark.teachers import TeacherSettings, teacher_outputs

SETTINGS = {role: TeacherSettings(rate=5e-3, decay=0.1, steps=60, batch=16) for role in ("teacher", "student")}
LABELLED = 50


@pytest.fixture
def dataset() -> Dataset:
    return synthetic_dataset(SyntheticWorld(), 100, 0.5, 50, seed=1)


def flipped(dataset: Dataset, row: int) -> Dataset:
    y = dataset.y.copy()
    y[row] = 1 - y[row]
    return replace(dataset, y=y)


def test_a_labelled_sample_has_the_output_of_the_teacher_that_left_its_fold_out(dataset: Dataset):
    row = 7
    before, after = (
        teacher_outputs(stack([each]), "out_of_fold", SETTINGS) for each in (dataset, flipped(dataset, row))
    )
    own_fold = np.flatnonzero(dataset.fold[:LABELLED] == dataset.fold[row])
    others = np.flatnonzero(dataset.fold[:LABELLED] != dataset.fold[row])
    torch.testing.assert_close(before.logits[0, own_fold], after.logits[0, own_fold], rtol=0, atol=0)
    assert (before.logits[0, others] != after.logits[0, others]).any(dim=1).all()
    in_sample = [
        teacher_outputs(stack([each]), "in_sample", SETTINGS).logits[0, row, 1]
        for each in (dataset, flipped(dataset, row))
    ]
    assert in_sample[0] != in_sample[1]


def test_a_withheld_label_reaches_nobody(dataset: Dataset):
    for teacher in ("out_of_fold", "in_sample", "self_teacher", "shuffled_teacher"):
        before, after = (
            teacher_outputs(stack([each]), teacher, SETTINGS).logits
            for each in (dataset, flipped(dataset, LABELLED + 3))
        )
        torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_the_self_teacher_sees_the_students_view_alone(dataset: Dataset):
    blind = replace(
        dataset, views=dataset.views | {"teacher": np.random.default_rng(0).permutation(dataset.views["teacher"])}
    )
    torch.testing.assert_close(
        teacher_outputs(stack([dataset]), "self_teacher", SETTINGS).logits,
        teacher_outputs(stack([blind]), "self_teacher", SETTINGS).logits,
        rtol=0,
        atol=0,
    )
    assert not torch.equal(
        teacher_outputs(stack([dataset]), "out_of_fold", SETTINGS).logits,
        teacher_outputs(stack([blind]), "out_of_fold", SETTINGS).logits,
    )


def test_shuffled_outputs_are_permuted_within_folds(dataset: Dataset):
    real, shuffled = (
        teacher_outputs(stack([dataset]), "out_of_fold", SETTINGS),
        teacher_outputs(stack([dataset]), "shuffled_teacher", SETTINGS),
    )
    assert not torch.equal(real.logits, shuffled.logits)
    for fold in range(5):
        here = dataset.fold == fold
        torch.testing.assert_close(real.logits[0, here, 1].sort().values, shuffled.logits[0, here, 1].sort().values)


def test_a_label_only_teacher_knows_the_class_and_has_no_output_elsewhere(dataset: Dataset):
    outputs = teacher_outputs(stack([dataset]), "label_only_teacher", SETTINGS)
    assert outputs.logits[0, LABELLED:].isnan().all()
    for label in (0, 1):
        rows = outputs.logits[0, :LABELLED][torch.from_numpy(dataset.y[:LABELLED] == label)]
        torch.testing.assert_close(rows, rows[:1].expand_as(rows))
