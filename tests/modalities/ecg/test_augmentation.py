"""Augmentation: off is off, on is deterministic, and one draw serves every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from medkd.modalities.ecg import ECG

STRENGTHS: dict[str, float] = {
    "augment_amplitude": 0.2,
    "augment_lead_amplitude": 0.1,
    "augment_noise": 0.3,
    "augment_wander": 0.3,
    "augment_shift": 0.2,
    "augment_stretch": 0.1,
    "augment_mask": 0.3,
    "augment_lead_dropout": 0.4,
}


def values(leads: int, length: int = 1000, batch: int = 16) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((batch, leads, length)).astype(np.float32))


def test_all_off_changes_nothing() -> None:
    params = ECG().sample_augmentation(np.random.default_rng(0), 16)
    assert params == {}
    given = values(12)
    assert ECG().augment(given, params) is given


@pytest.mark.parametrize("fields", [*({key: strength} for key, strength in STRENGTHS.items()), STRENGTHS])
@pytest.mark.parametrize("representation", ["rhythm", "median_beat"])
def test_deterministic_and_the_same_for_one_lead_as_for_twelve(fields: dict[str, float], representation: Any) -> None:
    ecg = ECG(representation=representation, **fields)
    length = 1000 if representation == "rhythm" else 80
    params = ecg.sample_augmentation(np.random.default_rng(0), 16)
    again = ecg.sample_augmentation(np.random.default_rng(0), 16)
    assert params.keys() == again.keys()
    assert all(np.array_equal(params[key], again[key]) and len(params[key]) == 16 for key in params)
    given = values(12, length)
    kept = given.clone()
    twelve = ecg.augment(given, params)
    assert torch.equal(given, kept)
    assert twelve.shape == given.shape
    assert twelve.dtype == torch.float32
    assert torch.isfinite(twelve).all()
    assert not torch.equal(twelve, given)
    assert torch.equal(twelve, ecg.augment(given, params))
    one = ecg.augment(given[:, :1], params)
    alike = (one == twelve[:, :1]).flatten(1).all(dim=1)
    # lead I alone is never dropped; else both model_inputs see the same
    assert alike.all() if "augment_lead_dropout" not in fields else (alike | (twelve[:, 0] == 0).all(dim=1)).all()
    assert (one != 0).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("fields", [{key: strength} for key, strength in STRENGTHS.items()])
def test_rows_do_not_depend_on_the_batch(fields: dict[str, float]) -> None:
    ecg = ECG(**fields)
    params = ecg.sample_augmentation(np.random.default_rng(0), 16)
    given = values(12)
    whole = ecg.augment(given, params)
    some = ecg.augment(given[3:5], {key: array[3:5] for key, array in params.items()})
    torch.testing.assert_close(some, whole[3:5], rtol=1e-6, atol=1e-6)


def test_shift_is_a_roll() -> None:
    ecg = ECG(augment_shift=0.5)
    given = values(2, batch=1)
    moved = ecg.augment(given, {"shift": np.array([7.0], np.float32)})
    assert torch.equal(moved, given.roll(7, dims=2))


def test_stretch_moves_a_peak_away_from_the_middle() -> None:
    given = torch.zeros(1, 1, 1000)
    given[0, 0, 700] = 1
    slower = ECG(augment_stretch=0.2).augment(given, {"stretch": np.array([0.8], np.float32)})
    assert abs(int(slower.argmax()) - (499.5 + 200.5 / 0.8)) <= 1


def test_noise_has_the_strength_asked_for_and_differs_between_leads() -> None:
    ecg = ECG(augment_noise=0.5)
    params = dict(ecg.sample_augmentation(np.random.default_rng(0), 16))
    params["noise_level"] = np.full(16, 0.5, np.float32)
    given = values(12) * torch.linspace(0.1, 3, 12)[:, None]
    added = ecg.augment(given, params) - given
    torch.testing.assert_close(added.std(dim=2) / given.std(dim=2), torch.full((16, 12), 0.5), atol=0.05, rtol=0)
    correlation = torch.corrcoef(added[0])
    assert (correlation - torch.eye(12)).abs().max() < 0.15


def test_mask_and_dropout_set_to_zero() -> None:
    ecg = ECG(augment_mask=0.5)
    masked = ecg.augment(values(12), ecg.sample_augmentation(np.random.default_rng(0), 16))
    share = (masked == 0).all(dim=1).float().mean(dim=1)
    assert 0.1 < share.mean() < 0.4
    assert share.max() <= 0.51
    ecg = ECG(augment_lead_dropout=0.9)
    lost = (ecg.augment(values(12), ecg.sample_augmentation(np.random.default_rng(0), 16)) == 0).all(dim=2)
    assert not lost.all(dim=1).any()
    assert 0.7 < lost.float().mean() < 0.95
