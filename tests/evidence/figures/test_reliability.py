"""Reliability diagrams: points at the bins, intervals and histogram of the student alone."""

from __future__ import annotations

from typing import Any

from medkd.evidence.figures.reliability import reliability_figures

BIN = {"predicted": 0.3, "observed": 0.4, "low": 0.2, "high": 0.6, "count": 10}


def arm(*bins: dict[str, float]) -> dict[str, Any]:
    return {"classes": {"cd": {"reliability": list(bins), "histogram": [2, 8]}}}


def test_the_student_has_intervals_and_the_histogram() -> None:
    report = {"classes": ["cd"], "calibration": {"teacher": arm(BIN, BIN), "student": arm(BIN), "baseline": arm()}}
    (picture,) = reliability_figures(report)
    (axes,) = picture.figure().axes
    points = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert points["student"] == [[0.3, 0.4]]
    assert points["teacher"] == [[0.3, 0.4]] * 2
    assert "baseline" not in points
    (interval,) = [collection.get_segments()[0][:, 1].tolist() for collection in axes.collections]
    assert interval == [0.2, 0.6]
    assert [round(bar.get_height() / 0.16, 6) for bar in axes.patches] == [0.25, 1.0]


def test_without_a_student_the_first_arm_is_the_main_one() -> None:
    (picture,) = reliability_figures({"classes": ["cd"], "calibration": {"these patients": arm(BIN)}})
    assert picture.figure().axes[0].collections
    assert reliability_figures({"classes": ["age"], "calibration": {}}) == []
