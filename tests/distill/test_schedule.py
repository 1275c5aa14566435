"""Weights over training."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.distill.schedule import Constant, Cosine, Linear, Piecewise, Schedule
from medkd.errors import InputError

PROGRESS = np.linspace(0, 1, 101).tolist()


@pytest.mark.parametrize(
    "schedule", [Linear(1.0, 0.2), Cosine(1.0, 0.2), Linear(0.0, 3.0), Cosine(0.0, 3.0), Linear(0.0, 3.0, 0.2, 0.4)]
)
def test_ramps_go_from_start_to_end_without_turning(schedule: Linear | Cosine) -> None:
    values = [schedule.at(progress) for progress in PROGRESS]
    assert values[0] == pytest.approx(schedule.start)
    assert values[-1] == pytest.approx(schedule.end)
    steps = np.diff(values) * np.sign(schedule.end - schedule.start)
    assert (steps >= -1e-12).all()


@pytest.mark.parametrize("schedule", [Constant(0.7), Linear(0.1, 0.9), Linear(0.1, 0.9, 0.3, 0.6), Cosine(0.1, 0.9)])
def test_outside_of_training_the_ends_hold(schedule: Schedule) -> None:
    assert schedule.at(-1.0) == pytest.approx(schedule.at(0.0))
    assert schedule.at(2.0) == pytest.approx(schedule.at(1.0))


def test_a_ramp_is_flat_outside_its_points() -> None:
    ramp = Linear(0.0, 1.0, begin=0.25, until=0.75)
    assert [ramp.at(progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    jump = Linear(2.0, 1.0, begin=0.5, until=0.5)
    assert [jump.at(progress) for progress in (0.0, 0.499, 0.501, 1.0)] == [2.0, 2.0, 1.0, 1.0]


def test_cosine_is_half_way_in_the_middle_and_flat_at_the_ends() -> None:
    cosine = Cosine(1.0, 0.0)
    assert cosine.at(0.5) == pytest.approx(0.5)
    assert 1 - cosine.at(0.01) < 1e-3
    assert cosine.at(0.99) < 1e-3


def test_a_table_holds_each_value_to_the_next_point() -> None:
    table = Piecewise([0.0, 0.3, 0.6], [1.0, 5.0, 0.0])
    assert [table.at(progress) for progress in (0.0, 0.29, 0.3, 0.59, 0.6, 1.0)] == [1.0, 1.0, 5.0, 5.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ([], []),
        ([0.1], [1.0]),
        ([0.0, 0.5], [1.0]),
        ([0.0, 0.5, 0.5], [1.0, 2.0, 3.0]),
        ([0.0, 0.5, 0.2], [1.0, 2.0, 3.0]),
    ],
)
def test_a_table_that_is_none_is_refused(points: list[float], values: list[float]) -> None:
    with pytest.raises(InputError, match="rise from 0"):
        Piecewise(points, values)
