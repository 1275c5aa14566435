"""Arms are distinguishable by colour and, in grey, by line."""

from __future__ import annotations

from medkd.evidence.comparison import CONTROLS
from medkd.evidence.figures.appearance import COLOURS, HERE, NAMES, OTHER, RECALIBRATED, arm_colour, arm_line, arm_name


def test_the_main_arms_differ_in_colour_and_line() -> None:
    arms = [*COLOURS]
    assert len({arm_colour(arm) for arm in arms}) == len({arm_line(arm) for arm in arms}) == 3
    assert arm_colour(HERE) != arm_colour(RECALIBRATED)
    assert {arm_colour(control) for control in CONTROLS} == {OTHER}


def test_every_arm_of_a_report_has_a_name() -> None:
    assert set(NAMES) == {*COLOURS, *CONTROLS}
    assert arm_name("some_arm") == "some arm"
