"""Where forecasts stand, and what comes after them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.cohorts.glucose_forecast import forecasts
from medkd.modalities.cgm.origins import glucose_at, origins, thinned


def readings(minutes: list[float], series: str = "a") -> pl.DataFrame:
    minutes = sorted(set(minutes))
    return pl.DataFrame(
        {"series": series, "minute": [float(m) for m in minutes], "glucose": [100.0 + m / 10 for m in minutes]}
    )


def test_a_gap_of_more_than_twenty_minutes_begins_a_history_anew() -> None:
    minutes = [*range(0, 200, 10), *range(221, 460, 10)]
    whole = origins(readings(minutes)).filter("whole")["minute"].to_list()
    assert whole == [180.0, 421.0, 451.0]


def test_series_do_not_help_each_other() -> None:
    both = pl.concat([readings(list(range(0, 100, 10)), "a"), readings(list(range(100, 200, 10)), "b")])
    assert not origins(both)["whole"].any()
    assert glucose_at(both, pl.DataFrame({"series": ["a"], "minute": [90.0]}), 10).to_list() == [None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 600), min_size=2, max_size=60), st.integers(0, 600), st.sampled_from([30, 60]))
def test_interpolation_against_numpy(minutes: list[int], start: int, ahead: int) -> None:
    table = readings([float(m) for m in minutes])
    found = glucose_at(table, pl.DataFrame({"series": ["a"], "minute": [float(start)]}), ahead)[0]
    times, values = table["minute"].to_numpy(), table["glucose"].to_numpy()
    wanted = start + ahead
    before, after = times[times <= wanted], times[times >= wanted]
    if len(before) and len(after) and after[0] - before[-1] <= 20:
        assert found == pytest.approx(np.interp(wanted, times, values))
    else:
        assert found is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=5), st.integers(1, 200))
def test_thinning_keeps_as_many_as_allowed(sizes: list[int], most: int) -> None:
    table = pl.concat([pl.DataFrame({"subject_id": [f"{n}"] * size, "n": range(size)}) for n, size in enumerate(sizes)])
    kept = thinned(table, most).group_by("subject_id").len()
    assert dict(kept.iter_rows()) == {f"{n}": min(size, most) for n, size in enumerate(sizes)}


def test_readings_after_the_forecast_change_neither_origins_before_it_nor_the_value() -> None:
    minutes = [5.0 * n for n in range(60)]
    people = pl.DataFrame({"series": ["a"], "subject_id": ["1"]})
    short, _ = forecasts(readings(minutes), people, ("glucose30",))
    later = pl.DataFrame({"series": "a", "minute": [5.0 * n for n in range(60, 80)], "glucose": [333.0] * 20})
    long, _ = forecasts(pl.concat([readings(minutes), later]), people, ("glucose30",))
    both = short.join(long, on="sample_id", suffix="_long")
    assert both.height == short.height > 0
    assert (both["glucose30"] == both["glucose30_long"]).all()
