"""Design of the benchmark: one factor at a time around the centre."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from medkd.benchmark.condition import Condition, design
from medkd.benchmark.privileged import COHORT_CONDITIONS, CONDITIONS, FAST_CONDITIONS
from medkd.benchmark.teachers import CONTROLS

VARIED = {"samples": {"samples"}, "labels": {"label_fraction"}, "teacher": {"teacher"}, "control": {"teacher"}}


def test_every_condition_differs_from_the_centre_in_its_own_factor():
    centre = Condition("centre", 1000, 0.1)
    for condition in design(centre, samples=(250,), label_fractions=(0.3, 1.0), in_sample=(0.1,))[1:]:
        changed = {key for key, value in asdict(condition).items() if asdict(centre)[key] != value}
        assert changed == VARIED[condition.factor] | {"factor"}


@pytest.mark.parametrize("conditions", [CONDITIONS, COHORT_CONDITIONS, FAST_CONDITIONS])
def test_the_centre_comes_first_and_the_controls_last_each_with_a_name_of_its_own(conditions: list[Condition]):
    assert [condition.factor for condition in conditions].index("centre") == 0
    assert [condition.teacher for condition in conditions[-len(CONTROLS) :]] == list(CONTROLS)
    assert all(condition.factor == "control" for condition in conditions[-len(CONTROLS) :])
    # Results are stored under the name, and shown under factor and level.
    assert len({condition.name for condition in conditions}) == len(conditions)
    assert len({(condition.factor, condition.level) for condition in conditions}) == len(conditions)


@pytest.mark.parametrize(
    ("condition", "level"),
    [
        (Condition("centre", 1000, 0.1), "1,000 pairs, 10 % labelled, out of fold"),
        (Condition("centre", 0, 0.3), "30 % labelled, out of fold"),
        (Condition("samples", 20_000, 0.1), "20,000"),
        (Condition("labels", 1000, 0.005), "0.5 %"),
        (Condition("teacher", 1000, 0.1, "in_sample"), "in sample"),
        (Condition("teacher", 1000, 1.0, "in_sample"), "in sample, all labelled"),
        (Condition("control", 1000, 1.0, "shuffled_teacher"), "shuffled teacher"),
    ],
)
def test_a_level_says_what_was_varied(condition: Condition, level: str):
    assert condition.level == level
