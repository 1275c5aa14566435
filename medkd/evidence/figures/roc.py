"""How many cases are found at each rate of false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import arm_colour, arm_line
from medkd.evidence.figures.picture import MOST_CLASSES, diagonal, legend_below, picture, size_of, title_of


def roc_figures(report: Mapping[str, Any]) -> list[Markup]:
    """A ROC chart for each class; an arm that no fold could measure is left out."""
    found = report["curves"].get("roc", {"classes": {}})
    classes = len(report["classes"])
    pictures = []
    for name, arms in list(found["classes"].items())[:MOST_CLASSES]:
        curves = {arm: curve for arm, curve in arms.items() if curve is not None}
        draw = partial(
            _draw, title=title_of("ROC", name, classes), false_alarms=found["false_positive_rate"], curves=curves
        )
        pictures.append(picture(f"ROC curves of {', '.join(curves)} for {name}", *size_of(classes), draw))
    return pictures


def _draw(figure: Figure, title: str, false_alarms: list[float], curves: Mapping[str, list[float]]) -> None:
    axes = figure.subplots()
    diagonal(axes)
    for arm, curve in curves.items():
        axes.plot(false_alarms, curve, arm_line(arm), color=arm_colour(arm), label=arm)
    axes.set_title(title)
    axes.set(xlabel="false alarms (1 − specificity)", ylabel="sensitivity")  # noqa: RUF001
    legend_below(figure, axes)
