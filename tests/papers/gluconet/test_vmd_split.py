from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.evidence.leaks.checks import future_changes_past
from medkd.papers.gluconet.forecast_windows import forecast_windows
from medkd.papers.gluconet.vmd_split import vmd_split, vmd_split_released


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

    check = future_changes_past(released, glucose(0, 96).astype(np.float32), cut=60, past=60)
    assert not check.passed


def test_the_parts_of_a_window_add_up_to_it() -> None:
    windows, _ = forecast_windows(glucose(3, 50), 36, 1)
    slow, fast = vmd_split(windows)
    assert np.allclose(slow + fast, windows)
    assert np.square(np.diff(slow, axis=1)).mean() < np.square(np.diff(windows, axis=1)).mean()
