"""Sentences that interpret a score follow from the report and the card, and are left out where these have nothing."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.app.pages.score_sentences import (
    conformal_sentence,
    drift_sentence,
    reliability_sentence,
    threshold_sentence,
    weak_subgroups,
)


def report(*bins: dict[str, float]) -> dict[str, Any]:
    return {"calibration": {"student": {"classes": {"cd": {"reliability": list(bins)}}}}}


LOW = {"predicted": 0.1, "observed": 0.12, "low": 0.05, "high": 0.2, "count": 60}
HIGH = {"predicted": 0.8, "observed": 0.5, "low": 0.4, "high": 0.6, "count": 40}


def test_the_nearest_bin_of_the_reliability_curve_counts():
    assert "about 12 had it (5 to 20; n = 60)" in reliability_sentence("cd", 0.3, report(LOW, HIGH))
    assert "about 50 had it" in reliability_sentence("cd", 0.5, report(LOW, HIGH))


def test_a_bin_that_was_not_calibrated_is_pointed_out():
    assert "not well calibrated" not in reliability_sentence("cd", 0.1, report(LOW, HIGH))
    assert "Scores near 0.80 were not well calibrated" in reliability_sentence("cd", 0.9, report(LOW, HIGH))


@pytest.mark.parametrize("document", [{}, {"calibration": None}, report()])
def test_without_a_curve_or_metrics_nothing_is_claimed(document: dict[str, Any]):
    assert reliability_sentence("cd", 0.5, document) == ""
    assert threshold_sentence(document) == ""


def test_the_threshold_needs_both_metrics():
    sensitivity = {"value": 0.8, "low": 0.7, "high": 0.9}
    assert threshold_sentence({"student_metrics": {"sensitivity": sensitivity}}) == ""
    both = threshold_sentence({"student_metrics": {"sensitivity": sensitivity, "specificity": {"value": 0.6}}})
    assert "found 80 % of those who had it (70 % to 90 %) and cleared 60 % of those who had not." in both


def test_sets_and_drift_in_words():
    assert conformal_sentence(None, 0.9) == "This bundle has no conformal sets."
    assert conformal_sentence("not cd", 0.9) == "Its set at 90 % coverage is: not cd."
    assert conformal_sentence("not cd", None) == "Its set, is: not cd."
    assert [drift_sentence(drift)[0] for drift in (None, 1.0, 1.01)] == ["", "good", "warn"]


@pytest.mark.parametrize(
    ("metric", "group", "is_weak"),
    [
        ("auroc", {"value": 0.79, "low": 0.70, "high": 0.85}, False),
        ("auroc", {"value": 0.79, "low": 0.78, "high": 0.795}, True),
        ("auroc", {"value": 0.74, "low": 0.60, "high": 0.90}, True),
        ("auroc", {"value": None, "low": None, "high": None, "suppressed": True}, True),
        ("rmse", {"value": 0.90, "low": 0.85, "high": 0.95}, True),
        ("rmse", {"value": 0.60, "low": 0.50, "high": 0.70}, False),
    ],
)
def test_a_subgroup_is_weak_by_its_interval_its_value_or_its_size(metric: str, group: dict[str, Any], is_weak: bool):
    card = {"metric": metric, "figures": {"student": {"value": 0.8}}, "subgroups": [{"group": "80 +", **group}]}
    assert [row["weak"] for row in weak_subgroups(card)] == [is_weak]
