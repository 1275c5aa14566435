from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medkd.papers.gluconet.forecast_windows import forecast_windows, forecast_windows_released


@given(st.integers(1, 10), st.integers(1, 10), st.integers(0, 30))
def test_a_forecast_h_samples_ahead_is_column_h_less_one(length: int, horizon: int, more: int) -> None:
    series = np.arange(float(length + horizon + more))
    windows, after = forecast_windows(series, length, horizon)
    assert len(windows) == more + 1
    for ahead in range(1, horizon + 1):
        assert np.array_equal(after[:, ahead - 1], windows[:, -1] + ahead)


def test_the_release_cuts_a_fifth_of_the_windows() -> None:
    series = np.arange(1000.0)
    _, after = forecast_windows_released(series, series, series, n_ref=1000)
    assert len(after) < 0.2 * len(forecast_windows(series)[0])
