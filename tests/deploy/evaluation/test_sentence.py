"""Sentences state the figures, and no more than the figures allow."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.deploy.evaluation.sentence import IN_SAMPLE, details, sentence


def interval(value: float, half: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def evaluation(here: float = 0.8, developed: float | None = 0.8, **change: Any) -> dict[str, Any]:
    arms: dict[str, Any] = {"these patients": interval(here)}
    if developed is not None:
        arms["at development"] = interval(developed)
    at = {"threshold": 0.3, "flagged": interval(0.4), "sensitivity": interval(0.9), "ppv": interval(0.5)}
    by_class = {
        "cd": {"n": 90, "positives": 9, "arms": {"these patients": at | {"observed_over_expected": interval(1)}}}
    }
    document = {"n": {"subjects": 80, "labelled": 90}, "metric_title": "AUROC", "higher_is_better": True, "arms": arms}
    document |= {"in_sample": False, "over_time": None, "recalibration": None, "by_class": by_class}
    return document | change


@pytest.mark.parametrize(
    ("here", "higher", "words"),
    [
        (0.8, True, "and the intervals overlap"),
        (0.6, True, "so it is lower here"),
        (0.6, False, "so it is better here"),
        (0.95, True, "so it is higher here"),
        (0.95, False, "so it is worse here"),
    ],
)
def test_intervals_apart_are_compared(here: float, higher: bool, words: str) -> None:
    text = sentence(evaluation(here, higher_is_better=higher))
    assert text.startswith(f"On these 80 patients (90 samples) the AUROC is {here:.3f}")
    assert text.endswith(f"{words}.")


def test_in_sample_comes_first_and_without_development_nothing_is_compared() -> None:
    assert sentence(evaluation(in_sample=True)).startswith(IN_SAMPLE)
    assert "development" not in sentence(evaluation(developed=None))


def test_what_cannot_be_measured_has_its_reason() -> None:
    undefined = {"these patients": {"value": None, "low": None, "high": None}}
    by_class = {"cd": {"n": 90, "positives": 0, "arms": {}}}
    text = sentence(evaluation(arms=undefined, by_class=by_class))
    assert text.endswith("cannot be measured: 0 of 90 samples have cd.")


def test_a_crossed_chart_is_named_with_its_date() -> None:
    chart = {"odds_ratio": 2.0, "crossed": "2025-03-15"}
    course = {"cusum": {"cd": [chart, {"odds_ratio": 0.5, "crossed": None}]}}
    assert "Worry: the odds rose above those predicted" in sentence(evaluation(over_time=course))
    assert "2025-03-15" in sentence(evaluation(over_time=course))
    chart["crossed"] = ""
    assert "no CUSUM line was crossed" in sentence(evaluation(over_time=course))


def test_details_are_of_the_threshold_and_the_size_of_the_risks() -> None:
    threshold, risks = details(evaluation())
    assert "At the bundle's threshold of 0.3 it flags 40% of the samples" in threshold
    assert "finds 90% of those with cd; 50% of the flagged have it" in threshold
    assert risks.startswith("Its risks are right on the whole")
