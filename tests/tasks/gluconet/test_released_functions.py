"""The release's transforms, and what stands in their place.

Causal, by the minutes since an intake, every window, the right column.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.evidence.leaks.leaks import future_changes_past
from medkd.tasks.gluconet.active_insulin import active_insulin, active_insulin_released
from medkd.tasks.gluconet.effective_carbs import effective_carbs, effective_carbs_released
from medkd.tasks.gluconet.forecast_windows import forecast_windows, forecast_windows_released
from medkd.tasks.gluconet.vmd_split import vmd_split, vmd_split_released

DAY = 86400


def glucose(seed: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return 140 + 40 * np.sin(np.arange(n) / 15 + rng.uniform(0, 6)) + 3 * rng.standard_normal(n).cumsum()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(40, 60))
def test_a_windows_decomposition_never_changes_with_samples_after_its_end(seed: int, cut: int) -> None:
    series = glucose(seed, 72)
    changed = series.copy()
    changed[cut:] = changed[cut:][::-1] * -3 + 1
    ends = slice(0, cut - 36 + 1)
    before, after = (forecast_windows(values, 36, 1)[0][ends] for values in (series, changed))
    for one, other in zip(vmd_split(before), vmd_split(after), strict=True):
        assert np.array_equal(one, other)


def test_the_releases_decomposition_fails_that_very_check() -> None:
    def released(
        raw: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.stack(vmd_split_released(raw.astype(np.float64))).astype(np.float32)

    check = future_changes_past(released, glucose(0, 96).astype(np.float32), cut=60, kept=60)
    assert not check.passed


def test_the_parts_of_a_window_add_up_to_it() -> None:
    windows, _ = forecast_windows(glucose(3, 50), 36, 1)
    slow, fast = vmd_split(windows)
    assert np.allclose(slow + fast, windows)
    assert np.square(np.diff(slow, axis=1)).mean() < np.square(np.diff(windows, axis=1)).mean()


def test_doses_add_up_and_do_not_look_at_the_clock() -> None:
    second = 300 * np.arange(200)
    one, two = np.zeros(200), np.zeros(200)
    one[10], two[25] = 4.0, 2.0
    assert active_insulin(second, one + two) == pytest.approx(active_insulin(second, one) + active_insulin(second, two))
    assert active_insulin(second + 7 * 3600, one) == pytest.approx(active_insulin(second, one))
    assert active_insulin_released(second + 7 * 3600, one) != pytest.approx(active_insulin_released(second, one))


def test_a_meal_is_absorbed_once_and_whole_over_midnight_too() -> None:
    second = 300 * np.arange(3 * 288) + 23 * 3600
    carbs = np.zeros(len(second))
    carbs[2] = 60.0
    effective = effective_carbs(second, carbs)
    assert effective.sum() == pytest.approx(60)
    assert (effective[second > second[2] + 240 * 60 + 300] == 0).all()
    released = effective_carbs_released(second, carbs)
    assert released[second > second[2] + DAY // 2].sum() > 0


@given(st.integers(1, 10), st.integers(1, 10), st.integers(0, 30))
def test_a_forecast_h_samples_ahead_is_column_h_less_one(length: int, horizon: int, more: int) -> None:
    series = np.arange(float(length + horizon + more))
    windows, after = forecast_windows(series, length, horizon)
    assert len(windows) == more + 1
    for ahead in range(1, horizon + 1):
        assert np.array_equal(after[:, ahead - 1], windows[:, -1] + ahead)


def test_the_release_cuts_a_fifth_of_the_windows() -> None:
    series = glucose(1, 1000)
    _, after = forecast_windows_released(series, series, series, n_ref=1000)
    assert len(after) < 0.2 * len(forecast_windows(series)[0])
