from __future__ import annotations

import numpy as np
import pytest

from medkd.evidence.comparison import compare
from medkd.evidence.statistics.bootstrap import Replicates
from medkd.evidence.verdict import verdict

UP, ACROSS, DOWN = {"low": 0.01, "high": 0.05}, {"low": -0.01, "high": 0.05}, {"low": -0.05, "high": -0.01}


@pytest.mark.parametrize(
    ("gain", "privileged", "expected"),
    [
        (UP, UP, "helps"),
        (UP, ACROSS, "regularises only"),
        (UP, None, "regularises only"),
        (ACROSS, UP, "no evidence"),
        (DOWN, UP, "harms"),
        ({"low": 0.0, "high": 0.05}, UP, "no evidence"),
        ({"low": None, "high": None}, None, "no evidence"),
    ],
)
def test_the_rule(gain: dict[str, float | None], privileged: dict[str, float | None] | None, expected: str) -> None:
    assert verdict(gain, privileged, audit_passed=True) == expected
    assert verdict(gain, privileged, audit_passed=False) == "invalid"
    assert verdict(gain, privileged, audit_passed=True, fast=True) == "invalid"


def flat(value: float, spread: float = 0.0) -> Replicates:
    return Replicates(np.array([value]), value + spread * np.linspace(-1, 1, 101))


def test_less_is_better_turns_every_difference() -> None:
    arms = {"student": flat(1.0), "baseline": flat(1.5), "teacher": flat(0.5), "self_teacher": flat(1.2)}
    found = compare(arms, sign=-1.0, confidence=0.95, audit_passed=True, fast=False)
    assert found["gain"]["value"] == pytest.approx(0.5)
    assert found["gap"]["value"] == pytest.approx(1.0)
    assert found["gap_closed"]["value"] == pytest.approx(0.5)
    assert found["privileged_gain"]["value"] == pytest.approx(0.2)
    assert found["controls"]["self_teacher"]["gain"]["value"] == pytest.approx(0.3)
    assert found["verdict"] == "helps"


def test_gap_closed_is_null_where_the_gap_may_be_nothing() -> None:
    arms = {"student": flat(0.80), "baseline": flat(0.78), "teacher": flat(0.79, spread=0.05)}
    found = compare(arms, sign=1.0, confidence=0.95, audit_passed=True, fast=False)
    assert found["gap_closed"] is None
    assert found["privileged_gain"] is None
    assert found["controls"] == {}
