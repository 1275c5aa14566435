"""ROC and decision curves: the report's numbers, on axes that show them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medkd.evidence.figures.curves import decision_figures, roc_figures
from medkd.evidence.figures.picture import MOST_CLASSES

REPORT: dict[str, Any] = {
    "classes": ["cd"],
    "curves": {
        "roc": {
            "false_positive_rate": [0.0, 0.5, 1.0],
            "classes": {"cd": {"teacher": None, "student": [0.2, 0.9, 1.0]}},
        },
        "decision": {
            "threshold": [0.1, 0.2, 0.3, 0.9],
            "classes": {"cd": {"student": [0.3, 0.2, 0.1, -0.2], "treat_all": [0.3, 0.1, -0.1, -5.0]}},
        },
    },
}


def lines(axes: Axes) -> dict[str, list[float]]:
    return {str(line.get_label()): list(line.get_ydata()) for line in axes.get_lines()}


def test_an_arm_that_no_fold_could_measure_has_no_roc() -> None:
    (picture,) = roc_figures(REPORT)
    (axes,) = picture.figure().axes
    assert lines(axes)["student"] == [0.2, 0.9, 1.0]
    assert "teacher" not in lines(axes)
    assert picture.label == "ROC curves of student for cd"


def test_a_decision_curve_ends_where_no_arm_is_useful() -> None:
    (picture,) = decision_figures(REPORT)
    (axes,) = picture.figure().axes
    assert set(lines(axes)) == {"student", "treat all", "treat none"}
    assert axes.get_xlim() == (0.0, 0.38)


def test_a_regression_has_no_curves_and_many_classes_have_few() -> None:
    assert roc_figures({"classes": ["age"], "curves": {}}) == decision_figures({"classes": ["age"], "curves": {}}) == []
    names = [f"class {number}" for number in range(MOST_CLASSES + 3)]
    arms = REPORT["curves"]["roc"]["classes"]["cd"]
    roc = REPORT["curves"]["roc"] | {"classes": dict.fromkeys(names, arms)}
    assert len(roc_figures({"classes": names, "curves": {"roc": roc}})) == MOST_CLASSES
