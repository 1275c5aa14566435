"""Validation metric: equal to scikit-learn's, over labelled samples alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.distill.validation_score import EpochOutputs, validation_score

BINARY = Target("ill", "binary", ("ill",))
TWO = Target("two", "multilabel", ("a", "b"))
STAGE = Target("stage", "multiclass", ("stage",), ("wake", "light", "deep"))
AGE = Target("age", "regression", ("age",))


def drawn(outputs: int, columns: int, classes: int, samples: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.standard_normal((samples, outputs)).astype(np.float32))
    return logits, torch.from_numpy(rng.integers(0, classes, (samples, columns)).astype(np.float32))


def test_binary_and_multilabel_are_mean_auroc() -> None:
    logits, targets = drawn(2, 2, 2)
    known = torch.ones_like(targets, dtype=torch.bool)
    expected = [roc_auc_score(targets[:, column], logits[:, column]) for column in range(2)]
    assert validation_score(logits, targets, known, TWO).item() == pytest.approx(np.mean(expected))
    one = validation_score(logits[:, :1], targets[:, :1], known[:, :1], BINARY)
    assert one.item() == pytest.approx(expected[0])


def test_multiclass_is_one_against_rest_auroc() -> None:
    logits, targets = drawn(3, 1, 3)
    known = torch.ones_like(targets, dtype=torch.bool)
    expected = [roc_auc_score(targets[:, 0] == name, logits.softmax(1)[:, name]) for name in range(3)]
    assert validation_score(logits, targets, known, STAGE).item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_values_are_minus_the_root_mean_squared_error() -> None:
    logits, targets = drawn(1, 1, 50)
    known = torch.ones_like(targets, dtype=torch.bool)
    expected = -root_mean_squared_error(targets, logits)
    assert validation_score(logits, targets, known, AGE).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("target", "outputs", "classes"), [(BINARY, 1, 2), (STAGE, 3, 3), (AGE, 1, 50)])
def test_unlabelled_samples_do_not_matter(target: Target, outputs: int, classes: int) -> None:
    logits, targets = drawn(outputs, 1, classes)
    known = torch.arange(60).unsqueeze(1) < 40
    expected = validation_score(logits[:40], targets[:40], known[:40], target)
    targets[40:] = 1 - targets[40:].clamp(max=1)
    assert validation_score(logits, targets, known, target).equal(expected)


def test_one_class_alone_has_no_score() -> None:
    logits, targets = drawn(1, 1, 2)
    known = torch.ones_like(targets, dtype=torch.bool)
    assert math.isnan(validation_score(logits, torch.ones_like(targets), known, BINARY))


def test_an_epoch_is_scored_over_all_its_batches_and_then_forgotten(make_labels: Any) -> None:
    logits, targets = drawn(1, 1, 2)
    collected = EpochOutputs()
    for start in (0, 20, 40):
        collected.add(Output(logits[start : start + 20]), make_labels(targets[start : start + 20]))
    known = torch.ones_like(targets, dtype=torch.bool)
    assert collected.score(processes=1).equal(validation_score(logits, targets, known, BINARY))
    collected.add(Output(logits[:20]), make_labels(targets[:20]))
    assert collected.score(processes=1).equal(validation_score(logits[:20], targets[:20], known[:20], BINARY))


@pytest.fixture
def make_labels() -> Any:
    from medkd.data.core.batch import Batch

    def make(targets: torch.Tensor) -> Batch:
        ids = [""] * len(targets)
        return Batch({}, {}, targets, torch.ones_like(targets, dtype=torch.bool), BINARY, ids, ids)

    return make
