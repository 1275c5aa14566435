"""Statistics are those of the training samples, and say which those were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from medkd.data.loading.statistics import Statistics
from medkd.errors import InputError


def values(samples: int = 2500) -> np.ndarray:
    """Three channels of different centre and spread, more samples than one chunk."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((samples, 3, 20)) * np.array([0.5, 40.0, 1e-3])[:, None]
    return (noise + np.array([-1.0, 300.0, 2.0])[:, None]).astype(np.float32)


def test_they_are_the_mean_and_deviation_of_each_channel() -> None:
    data, rows = values(), np.random.default_rng(1).permutation(2500)[:2111]
    fitted = Statistics.fit(data, rows, "a" * 64, (1, 4))
    chosen = data[rows].astype(np.float64)
    np.testing.assert_allclose(fitted.mean, chosen.mean(axis=(0, 2)), rtol=1e-10)
    np.testing.assert_allclose(fitted.std, chosen.std(axis=(0, 2)), rtol=1e-5)
    assert (fitted.samples, fitted.split_sha256, fitted.held_out) == (2111, "a" * 64, (1, 4))


def test_no_other_sample_reaches_them() -> None:
    data, rows = values(60), np.arange(0, 60, 2)
    fitted = Statistics.fit(data, rows, "", ())
    changed = data.copy()
    changed[1::2] = np.nan
    assert Statistics.fit(changed, rows, "", ()) == fitted
    changed[4, 1, 3] += 1.0
    assert Statistics.fit(changed, rows, "", ()) != fitted


def test_a_memory_mapped_file_gives_the_same_bits(tmp_path: Path) -> None:
    data, rows = values(1500), np.arange(1400)
    np.save(tmp_path / "values.npy", data)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    assert Statistics.fit(mapped, rows, "", ()) == Statistics.fit(data, rows, "", ())


def test_applied_they_leave_zero_mean_and_unit_deviation() -> None:
    data, rows = values(200), np.arange(200)
    normal = Statistics.fit(data, rows, "", ()).apply(torch.from_numpy(data))
    assert normal.dtype == torch.float32
    torch.testing.assert_close(normal.mean(dim=(0, 2)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(normal.std(dim=(0, 2)), torch.ones(3), atol=1e-2, rtol=0)


def test_a_channel_that_never_changes_is_centred_and_not_blown_up() -> None:
    data = values(10)
    data[:, 1] = 7.0
    fitted = Statistics.fit(data, np.arange(10), "", ())
    assert fitted.std[1] == 1.0
    assert not fitted.apply(torch.from_numpy(data))[:, 1].any()


@pytest.mark.parametrize("shape", [(6, 2), (6, 2, 3), (6, 2, 3, 4), (6, 2, 3, 4, 5)])
def test_axis_one_is_the_channel_whatever_the_others(shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    fitted = Statistics.fit(data, np.arange(6), "", ())
    moved = np.moveaxis(data, 1, 0).reshape(2, -1).astype(np.float64)
    np.testing.assert_allclose(fitted.mean, moved.mean(axis=1), atol=1e-9)
    assert fitted.apply(torch.from_numpy(data)).shape == shape


def test_no_training_sample_is_one_clear_line() -> None:
    with pytest.raises(InputError, match="no training sample"):
        Statistics.fit(values(3), np.array([], dtype=np.int64), "", (0,))


@pytest.mark.parametrize("aligned", [False, True])
def test_what_was_not_observed_is_left_out(aligned: bool) -> None:
    data, rows = values(1500), np.arange(1400)
    data[np.random.default_rng(2).random(data.shape) < 0.4] = np.nan
    fitted = Statistics.fit(data, rows, "", (), aligned=aligned)
    chosen, axis = data[rows].astype(np.float64), 0 if aligned else (0, 2)
    np.testing.assert_allclose(fitted.mean, np.nanmean(chosen, axis=axis).ravel(), rtol=1e-9)
    np.testing.assert_allclose(fitted.std, np.nanstd(chosen, axis=axis).ravel(), rtol=1e-4)
    applied = fitted.apply(torch.from_numpy(data))
    assert applied.isnan().equal(torch.from_numpy(data).isnan())


def test_a_channel_that_was_never_observed_has_mean_0_and_deviation_1() -> None:
    data = values(20)
    data[:, 1] = np.nan
    fitted = Statistics.fit(data, np.arange(20), "", ())
    assert (fitted.mean[1], fitted.std[1]) == (0.0, 1.0)
    assert np.isfinite(fitted.mean).all()


@pytest.mark.parametrize("aligned", [False, True])
def test_what_is_not_measured_is_left_as_it_is(aligned: bool) -> None:
    data = values(20)
    fitted = Statistics.fit(data, np.arange(15), "a", (2,), aligned=aligned, measured=False)
    assert fitted.apply(torch.from_numpy(data)).equal(torch.from_numpy(data))
    assert (fitted.samples, fitted.split_sha256, fitted.held_out) == (15, "a", (2,))
