from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from medkd.evidence.calibration.temperature_scaling import fit_temperature, probabilities


def test_temperature_of_sigmoids_is_recovered() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, size=(20_000, 1))
    y = (rng.random(logits.shape) < probabilities(logits, categorical=False)).astype(float)
    assert fit_temperature(3 * logits, y, categorical=False) == pytest.approx(3, rel=0.05)


def test_temperature_of_softmax_has_no_slope_left() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, size=(3000, 4))
    y = np.array([rng.multinomial(1, row) for row in probabilities(logits, categorical=True)]).astype(float)
    found = torch.tensor(fit_temperature(0.5 * logits, y, categorical=True), requires_grad=True)
    loss = torch.nn.functional.cross_entropy(torch.tensor(0.5 * logits) / found, torch.tensor(y.argmax(axis=1)))
    loss.backward()
    assert found.grad is not None
    assert abs(float(found.grad)) < 1e-3
    assert loss.item() < log_loss(y, probabilities(0.5 * logits, categorical=True))


def test_unlabelled_rows_are_left_out_and_no_labels_give_one() -> None:
    logits, y = np.array([[2.0], [-2.0], [50.0]]), np.array([[1.0], [0.0], [np.nan]])
    assert fit_temperature(logits, y, categorical=False) == fit_temperature(logits[:2], y[:2], categorical=False)
    assert fit_temperature(logits, np.full((3, 1), np.nan), categorical=False) == 1.0
    assert fit_temperature(np.zeros((0, 3)), np.zeros((0, 3)), categorical=True) == 1.0
