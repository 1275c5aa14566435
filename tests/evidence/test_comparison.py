"""Differences between arms: their orientation, and what is null."""

from __future__ import annotations

import numpy as np
import pytest

from medkd.evidence.comparison import CONTROLS, compare
from medkd.evidence.statistics.bootstrap import Replicates


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


def test_controls_are_shown_beside_the_gain_and_never_change_it() -> None:
    arms = {"student": flat(0.8), "baseline": flat(0.7)}
    alone = compare(arms, sign=1.0, confidence=0.95, audit_passed=True, fast=False)
    beside = compare(
        arms | {name: flat(0.75) for name in CONTROLS if name != "self_teacher"},
        sign=1.0,
        confidence=0.95,
        audit_passed=True,
        fast=False,
    )
    assert list(beside["controls"]) == ["label_only_teacher", "shuffled_teacher"]
    assert (alone["gain"], alone["verdict"]) == (beside["gain"], beside["verdict"])


def test_the_spread_between_seeds_needs_two_defined_ones() -> None:
    arms = {
        "student": Replicates(np.array([0.8, 0.9]), np.full(10, 0.85)),
        "baseline": Replicates(np.array([0.7, np.nan]), np.full(10, np.nan)),
    }
    found = compare(arms, sign=1.0, confidence=0.95, audit_passed=True, fast=False)
    assert found["arms"]["student"]["seed_sd"] == pytest.approx(np.std([0.8, 0.9], ddof=1))
    assert found["arms"]["baseline"]["seeds"] == [0.7, None]
    assert found["arms"]["baseline"]["seed_sd"] is None
    assert found["verdict"] == "no evidence"
