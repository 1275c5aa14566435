"""What a forecast sees of a sensor: its cells, its words, and nothing after its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.view import View
from medkd.data.events.events import Events
from medkd.errors import RecordError
from medkd.modalities.cgm import CGM
from medkd.modalities.insulin import Insulin
from medkd.modalities.meals import Meals

PART = View.parse("cgm[-3:0h]").parts[0]


def sensor(hours: list[float], glucose: list[float]) -> Events:
    return Events(np.array(hours), np.zeros(len(hours), np.int64), np.array(glucose, np.float32), ("glucose",))


def seen(modality: CGM, raw: Events) -> np.ndarray[Any, Any]:
    return modality.prepare(modality.select(raw, PART))[0]


def test_the_reading_at_the_origin_is_the_last_step() -> None:
    hours = [-3 + 0.25 * n for n in range(16)]
    values = [100.0 + n for n in range(16)]
    assert seen(CGM(step=0.25), sensor(hours, values)).tolist() == values[1:13]


@pytest.mark.parametrize("drift", [-0.1, -0.02, 0.02, 0.1])
def test_a_clock_that_drifts_moves_no_reading_into_another_step(drift: float) -> None:
    hours = [-0.25 * (11 - n) * (1 + drift / 11) for n in range(12)]
    assert seen(CGM(step=0.25), sensor(hours, [100.0 + n for n in range(12)])).tolist() == [
        100.0 + n for n in range(12)
    ]


def test_short_silence_is_bridged_and_long_silence_refused() -> None:
    hours = [-0.25 * n for n in range(12)][::-1]
    modality = CGM(step=0.25, gap=30)
    bridged = seen(modality, sensor(hours[:5] + hours[6:], [float(n) for n in (*range(5), *range(6, 12))]))
    assert bridged.tolist() == list(range(12))
    with pytest.raises(RecordError, match="no glucose for more than 30 minutes"):
        seen(modality, sensor(hours[:5] + hours[8:], [100.0] * 9))
    with pytest.raises(RecordError, match="no glucose"):
        seen(modality, sensor([-9.0], [100.0]))


def test_five_minute_steps_take_a_fifteen_minute_sensor() -> None:
    values = seen(CGM(), sensor([-0.25 * n for n in range(13)][::-1], [100.0 + 3 * n for n in range(13)]))
    assert values.shape == (36,)
    assert np.allclose(np.diff(values[2:]), 1.0)


def test_words_units_and_limits(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "series": ["a"] * 6,
            "hours": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            "variable": ["Glucose", "cgm", "glucose", "glucose", "glucose", "glucose"],
            "value": ["90", "Low", "5.0", "High", "900", "?"],
            "unit": ["mg/dL", None, "mmol/L", None, None, None],
        }
    )
    files, aside = CGM().extract(table.lazy(), tmp_path)
    raw = CGM().read({"cgm": files["a"], "series": "a"}, tmp_path)
    assert raw.value.tolist() == pytest.approx([90.0, 40.0, 90.08, 400.0])
    assert {item.reason: item.count for item in aside} == {"cgm: no number": 1, "cgm: outside plausible limits": 1}


futures = st.lists(st.tuples(st.floats(1e-6, 48), st.floats(20, 600)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(futures, st.integers(0, 2**31))
@pytest.mark.parametrize(
    ("modality", "view"),
    [(CGM(step=0.25), "cgm[-3:0h]"), (Insulin(), "insulin[-6:0h]"), (Meals(), "meals[-4:0h]")],
    ids=lambda x: str(x)[:5],
)
def test_no_window_changes_with_what_happens_after_its_end(
    modality: Any, view: str, futures: list[tuple[float, float]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    names = tuple(modality.table())
    hours = np.sort(np.concatenate([np.arange(-3, 0.01, 0.25), rng.uniform(-8, 0, 30)]))
    past = Events(
        hours, rng.integers(0, len(names), len(hours)), rng.uniform(20, 140, len(hours)).astype(np.float32), names
    )
    later = np.array([hour for hour, _ in futures])
    both = Events(
        np.concatenate([hours, later]),
        np.concatenate([past.variable, np.zeros(len(later), np.int64)]),
        np.concatenate([past.value, np.array([value for _, value in futures], np.float32)]),
        names,
    )
    part = View.parse(view).parts[0]
    before, after = (modality.prepare(modality.select(events, part)) for events in (past, both))
    assert np.array_equal(before, after, equal_nan=True)


def test_what_lies_inside_the_window_does_change_it() -> None:
    """The property above would hold of a modality that saw nothing."""
    hours = [-0.25 * n for n in range(12)][::-1]
    modality = CGM(step=0.25)
    assert not np.array_equal(
        seen(modality, sensor(hours, [100.0] * 12)), seen(modality, sensor(hours, [100.0] * 11 + [120.0]))
    )
