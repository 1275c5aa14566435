"""Summaries against their definitions, cell by cell, whatever else is in the batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from medkd.data.core.view import Part
from medkd.deploy.bundle.drift_summaries import CELLS, MEASURED, Summaries
from medkd.errors import InputError
from medkd.modalities.ecg import ECG


def described(channels: int, cells: int, *, measured: bool = True) -> Summaries:
    names = tuple(f"c{index}" for index in range(channels))
    return Summaries(modality="made", shape=(channels, cells), channels=names, measured=measured)


def by_definition(row: np.ndarray) -> list[float]:
    """Six summaries of one channel, from plain loops over its cells."""
    seen = [float(value) for value in row if np.isfinite(value)]
    steps = [float(b) - float(a) for a, b in pairwise(row) if np.isfinite(a) and np.isfinite(b)]
    deviation = [float(np.std(values)) if len(values) > 1 else np.nan for values in (seen, steps)]
    mean, low, high = (np.mean(seen), min(seen), max(seen)) if seen else (np.nan,) * 3
    return [float(mean), deviation[0], low, high, len(seen) / len(row), deviation[1]]


@pytest.fixture
def values() -> np.ndarray:
    """Eight samples of three channels of 20 cells; in sample 1 half are missing, in sample 2 all, in 3 all but one."""
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (8, 3, 20)).astype(np.float32)
    values[1][rng.random((3, 20)) < 0.5] = np.nan
    values[2] = np.nan
    values[3, :, 1:] = np.nan
    return values


def test_measurements_are_summarised_as_defined(values: np.ndarray) -> None:
    found = described(3, 20).take(values).reshape(8, 3, len(MEASURED))
    expected = [[by_definition(channel) for channel in sample] for sample in values]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_unobserved_cell_changes_no_other_samples_summaries(values: np.ndarray) -> None:
    """Whole batches are computed by a shorter way than batches with gaps."""
    summaries, whole = described(3, 20), values[4:].copy()
    before = summaries.take(whole)
    whole[0, 1, 7] = np.nan
    after = summaries.take(whole)
    np.testing.assert_allclose(after[1:], before[1:], rtol=1e-12)
    changed = [name.split("/")[1] for name, a, b in zip(summaries.names, before[0], after[0], strict=True) if a != b]
    assert set(changed) <= {"c1"}
    assert changed


def test_order_of_cells_matters_to_roughness_alone(values: np.ndarray) -> None:
    summaries = described(3, 20)
    order = np.random.default_rng(1).permutation(20)
    found, shuffled = (summaries.take(cells).reshape(-1, 3, 6) for cells in (values[4:], values[4:][:, :, order]))
    np.testing.assert_allclose(found[..., :5], shuffled[..., :5], rtol=1e-6)
    assert (np.abs(found[..., 5] - shuffled[..., 5]) > 1e-3).all()


def test_counts_take_ids_as_names_not_as_sizes() -> None:
    ids = np.array([[[3, 3, 0, 9, np.nan, np.nan, 4, 3, 0, 0]]], np.float32)
    renamed = np.array([[[8, 8, 0, 700, np.nan, np.nan, 1, 8, 0, 0]]], np.float32)
    summaries = described(1, 10, measured=False)
    assert summaries.take(ids).tolist() == [[0.5, 0.4]]
    assert summaries.take(renamed).tolist() == summaries.take(ids).tolist()


def test_of_very_long_channels_every_nth_cell_is_used() -> None:
    long = np.zeros((1, 1, 2 * CELLS + 1), np.float32)
    long[..., 1::3] = long[..., 2::3] = 1e6  # a step of three cells never meets these
    assert described(1, long.shape[2]).take(long).tolist() == [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]


def test_channels_are_named_as_the_view_names_them_and_another_shape_is_refused() -> None:
    summaries = Summaries.of(ECG(seconds=10.0), Part("ecg", ("II", "V1")))
    assert summaries.channels == ("II", "V1")
    assert len(Summaries.of(ECG(seconds=10.0), Part("ecg")).channels) == 12
    with pytest.raises(InputError, match=r"ecg has shape \(1, 1000\), \(2, 1000\) expected"):
        summaries.take(np.zeros((3, 1, 1000), np.float32))
