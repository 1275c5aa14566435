"""Forest plots of a report: their rows."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.evidence.assess import assess
from medkd.evidence.figures.comparisons import arms_figure, difference_figure, subgroup_figure
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, simulate


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    predictions, samples = simulate(n=200, seeds=2, folds=2, fractions=(0.3, 1.0))
    return assess(predictions, samples, BINARY, EvidenceSettings(replicates=50))


def labels(picture: Any) -> list[str]:
    return [tick.get_text() for axes in picture.figure().axes for tick in axes.get_yticklabels() if tick.get_text()]


def test_differences_have_a_group_per_label_fraction(report: dict[str, Any]) -> None:
    rows = ["Gain: student over baseline", "Privileged gain", "Gap: teacher over baseline"]
    rows += ["Control: self-teacher", "Control: label-only teacher", "Control: shuffled teacher"]
    assert labels(difference_figure(report)) == rows * 2
    alone = [entry | {"privileged_gain": None, "gap": None, "controls": {}} for entry in report["label_efficiency"]]
    assert labels(difference_figure(report | {"label_efficiency": alone})) == rows[:1] * 2


def test_arms_have_a_row_and_a_dot_per_seed(report: dict[str, Any]) -> None:
    (axes,) = arms_figure(report).figure().axes
    assert len(axes.get_yticklabels()) == len(report["arms"])
    dots = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
    assert dots == [value for arm in report["arms"].values() for value in arm["seeds"]]


def test_suppressed_subgroups_say_why(report: dict[str, Any]) -> None:
    picture = subgroup_figure(report)
    assert picture is not None
    assert "not shown: " in picture.label
    assert len(labels(picture)) == len(report["subgroups"])
    assert subgroup_figure(report | {"subgroups": []}) is None
