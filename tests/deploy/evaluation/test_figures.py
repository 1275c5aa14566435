"""Figures name what they show, in text that can be read aloud, and show nothing that was suppressed."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from medkd.deploy.evaluation.figures import comparison_figure, cusum_figures, period_figures, subgroup_figure
from medkd.evidence.figures.picture import MOST_CLASSES


def words(svg: str) -> list[str]:
    """The texts of a drawing, in their order."""
    return [html.unescape(text.strip()) for text in re.findall(r"<text[^>]*>([^<]+)</text>", svg)]


def interval(value: float | None) -> dict[str, float | None]:
    return (
        {"value": value, "low": None, "high": None} if value is None else dict.fromkeys(("value", "low", "high"), value)
    )


def month(number: int, **change: Any) -> dict[str, Any]:
    """One period of a course of time, of a class "cd"."""
    state = {"ratio": 1.1, "state": "in control", "warning": [0.8, 1.2], "alarm": [0.6, 1.4]}
    row = {"from": f"2025-{number:02d}-01", "suppressed": False, "value": interval(0.8), "classes": {"cd": state}}
    return row | {"abstaining": interval(0.2), "drifted": interval(0.1)} | change


def course(*rows: dict[str, Any], **change: Any) -> dict[str, Any]:
    """An evaluation with that course of time and nothing else that these figures look at."""
    over_time = {"period": "month", "rows": list(rows), "cusum": {}} | change
    return {"metric_title": "AUROC", "arms": {}, "classes": ["cd"], "over_time": over_time}


def test_every_metric_is_compared_and_only_where_it_was_measured() -> None:
    here = {"metrics": {"auroc": interval(0.81), "brier": interval(0.17)}}
    arms = {"these patients": here, "at development": {"metrics": {"auroc": interval(0.77)}}}
    shown = words(comparison_figure({"arms": arms, "units": ""}))
    assert [shown.count(name) for name in ("AUROC", "Brier score", "these patients", "at development")] == [1, 1, 2, 1]
    assert {"0.810", "0.770", "0.170"} <= {re.sub(r"[^\d.].*", "", text) for text in shown}
    units = words(comparison_figure({"arms": arms, "units": "mmol/l"}))
    assert "value (mmol/l)" in units
    assert "value" in shown


def test_a_suppressed_subgroup_has_its_reason_and_no_value() -> None:
    row = {"by": "sex", "n": 4, "subjects": 4, "suppressed": True, "reason": "2 positive subjects, fewer than 10"}
    rows = [row | {"group": "female", "value": None, "development": None}]
    evaluation = {"subgroups": rows, "metric_title": "AUROC"}
    figure = subgroup_figure(evaluation)
    assert "not shown: 2 positive subjects, fewer than 10" in " ".join(words(figure))
    slipped = [row | {"group": "female", "value": interval(0.123), "development": interval(0.123)}]
    assert subgroup_figure(evaluation | {"subgroups": slipped}) == figure
    assert subgroup_figure(evaluation | {"subgroups": []}) is None


def test_names_of_classes_and_groups_cannot_become_markup() -> None:
    row = {"by": "<b>site</b>", "n": 90, "subjects": 80, "suppressed": False, "reason": "", "development": None}
    figure = subgroup_figure(
        {"subgroups": [row | {"group": "<script>x</script>", "value": interval(0.8)}], "metric_title": "F"}
    )
    assert "<script>" not in figure
    assert "<b>" not in figure
    charts = [{"odds_ratio": 2.0, "limit": 3.0, "path": [{"time": f"2025-01-0{day}", "value": day} for day in (1, 2)]}]
    (chart,) = cusum_figures(course(cusum={"<i>cd</i>": charts}))
    assert "<i>" not in chart


def test_one_period_is_no_course_and_suppressed_ones_do_not_count() -> None:
    hidden = {"from": "2025-03-01", "suppressed": True, "n": 2, "reason": "few"}
    assert period_figures(course(month(1))) == []
    assert period_figures(course(month(1), hidden)) == []
    assert period_figures({"over_time": None}) == []
    figures = period_figures(course(month(1), month(2), hidden))
    labels = [re.search(r'aria-label="([^"]*)"', figure)[1] for figure in figures]  # type: ignore[index]
    assert labels == [
        "AUROC by month",
        "Observed over expected of cd by month",
        "Abstentions and unusual inputs by month",
    ]
    without = [month(number, abstaining=None, drifted=None) for number in (1, 2)]
    assert len(period_figures(course(*without))) == 2


@pytest.mark.parametrize("undefined", [{"value": None}, {"value": interval(None)}])
def test_a_period_without_a_value_leaves_a_gap_not_a_failure(undefined: dict[str, Any]) -> None:
    nothing = {"ratio": None, "state": "no outcome", "warning": None, "alarm": None}
    figures = period_figures(course(month(1), month(2, **undefined, classes={"cd": nothing}), month(3)))
    assert len(figures) == 3
    assert "no outcome" not in words(figures[1])


def test_charts_of_a_single_outcome_are_left_out_and_of_many_classes_some_are_drawn() -> None:
    def chart(points: int) -> list[dict[str, Any]]:
        path = [{"time": f"2025-01-{day + 1:02d}", "value": 0.1 * day} for day in range(points)]
        return [{"odds_ratio": ratio, "limit": 3.0, "path": path} for ratio in (2.0, 0.5)]

    assert cusum_figures(course(cusum={"cd": chart(1)})) == []
    (both,) = cusum_figures(course(cusum={"cd": chart(5)}))
    assert {"odds doubled", "odds halved", "CUSUM"} <= set(words(both))
    many = {f"class {number}": chart(2) for number in range(MOST_CLASSES + 3)}
    assert len(cusum_figures(course(cusum=many))) == MOST_CLASSES
