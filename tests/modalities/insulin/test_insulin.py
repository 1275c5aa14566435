"""Insulin on board: curves, doses added up, and what is not known."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.data.core.view import View
from medkd.data.events.events import Events
from medkd.modalities.insulin import Insulin
from medkd.modalities.insulin.insulin import CURVES, on_board

PART = View.parse("insulin[bolus,basal,-6:0h]").parts[0]


def prepared(
    hours: list[float], variable: list[int], value: list[float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    modality = Insulin()
    raw = Events(np.array(hours), np.array(variable), np.array(value, np.float32), ("bolus", "basal"))
    return modality.prepare(modality.select(raw, PART))


@pytest.mark.parametrize("kind", sorted(CURVES))
def test_curves_fall_from_one_to_zero(kind: str) -> None:
    left = CURVES[kind](np.arange(0.0, 1500.0))
    assert left[0] == pytest.approx(1)
    assert left[-1] == 0
    assert (np.diff(left) <= 1e-9).all()


def test_activity_is_greatest_at_the_peak() -> None:
    activity = -np.diff(on_board(np.arange(0.0, 361.0), peak=75.0))
    assert activity.argmax() == pytest.approx(75, abs=1)


def test_doses_add_up_and_one_at_the_origin_counts_whole() -> None:
    two = prepared([-2.0, 0.0], [0, 0], [4.0, 3.0])[0]
    one = prepared([-2.0], [0], [4.0])[0]
    assert two[-1] == pytest.approx(one[-1] + 3.0)
    assert np.array_equal(two[:-1], one[:-1])
    assert 0 < one[-1] < 4


def test_a_log_that_was_not_kept_is_not_a_log_without_a_dose() -> None:
    grid = prepared([-1.0], [0], [0.0])
    assert (grid[0] == 0).all()
    assert np.isnan(grid[1]).all()
