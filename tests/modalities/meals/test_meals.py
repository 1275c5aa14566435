"""Food still to be absorbed."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.data.core.view import View
from medkd.data.events.events import Events
from medkd.modalities.meals import Meals
from medkd.modalities.meals.meals import to_absorb


def test_absorption_is_fastest_at_its_peak_and_takes_the_whole_meal() -> None:
    rate = -np.diff(to_absorb(np.arange(0.0, 301.0)))
    assert rate.sum() == pytest.approx(1)
    assert rate.argmax() == pytest.approx(60, abs=1)
    assert (rate >= 0).all()


def test_meals_add_up_by_the_minutes_since_each() -> None:
    modality = Meals()
    part = View.parse("meals[mass,-4:1h]").parts[0]
    raw = Events(np.array([-2.0, -0.5]), np.array([0, 0]), np.array([100, 50], np.float32), ("mass",))
    grid = modality.prepare(modality.select(raw, part))
    ends = -4 + 0.25 * np.arange(1, 21)
    expected = 100 * to_absorb(60 * (ends + 2.0)) + 50 * to_absorb(60 * (ends + 0.5))
    assert grid[0] == pytest.approx(expected, abs=1e-4)
    assert grid.shape == modality.shape(part) == (1, 20)
