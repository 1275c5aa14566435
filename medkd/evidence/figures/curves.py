"""ROC and decision curves, one picture per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import REFERENCE, arm_colour, arm_line
from medkd.evidence.figures.picture import MOST_CLASSES, Picture, diagonal, legend_below, size_of, title_of

_USEFUL = 0.003
"""Net benefit below which a decision curve is not shown any further."""


def roc_figures(report: Mapping[str, Any]) -> list[Picture]:
    """A ROC chart for each class; an arm that no fold could measure is left out."""
    roc = report["curves"].get("roc", {"classes": {}})
    classes = len(report["classes"])
    pictures = []
    for name, arms in list(roc["classes"].items())[:MOST_CLASSES]:
        curves = {arm: curve for arm, curve in arms.items() if curve is not None}
        title = title_of("ROC", name, classes)
        draw = partial(_draw_roc, title=title, false_alarms=roc["false_positive_rate"], curves=curves)
        pictures.append(Picture(f"ROC curves of {', '.join(curves)} for {name}", *size_of(classes), draw))
    return pictures


def decision_figures(report: Mapping[str, Any]) -> list[Picture]:
    """A decision curve for each class, over the thresholds at which any arm has a net benefit."""
    decision = report["curves"].get("decision", {"classes": {}})
    classes = len(report["classes"])
    pictures = []
    for name, lines in list(decision["classes"].items())[:MOST_CLASSES]:
        title = title_of("Decision curve", name, classes)
        draw = partial(_draw_decision, title=title, thresholds=decision["threshold"], lines=lines)
        arms = ", ".join(arm for arm in lines if arm != "treat_all")
        label = f"Decision curves of {arms} for {name}, beside treat all and none"
        pictures.append(Picture(label, *size_of(classes), draw))
    return pictures


def _draw_roc(figure: Figure, title: str, false_alarms: list[float], curves: Mapping[str, list[float]]) -> None:
    axes = figure.subplots()
    diagonal(axes)
    for arm, curve in curves.items():
        axes.plot(false_alarms, curve, arm_line(arm), color=arm_colour(arm), label=arm)
    axes.set_title(title)
    axes.set(xlabel="false alarms (1 − specificity)", ylabel="sensitivity")  # noqa: RUF001
    legend_below(figure, axes)


def _draw_decision(
    figure: Figure, title: str, thresholds: Sequence[float], lines: Mapping[str, Sequence[float]]
) -> None:
    axes = figure.subplots()
    arms = {arm: line for arm, line in lines.items() if arm != "treat_all"}
    best = [max(values) for values in zip(*arms.values(), strict=True)]
    useful = [threshold for threshold, value in zip(thresholds, best, strict=True) if value > _USEFUL]
    end = min(0.99, max([*useful, 0.2]) + 0.08)
    top = 1.1 * max([0.02, *best])
    for arm, line in arms.items():
        axes.plot(thresholds, line, arm_line(arm), color=arm_colour(arm), label=arm)
    if "treat_all" in lines:
        dashes = (0, (5, 2))
        axes.plot(thresholds, lines["treat_all"], color=REFERENCE, linewidth=1.4, linestyle=dashes, label="treat all")
    axes.axhline(0, color=REFERENCE, linewidth=1.4, label="treat none")
    axes.set_title(title)
    axes.set(xlabel="threshold of concern", ylabel="net benefit", xlim=(0, end), ylim=(-0.15 * top, top))
    legend_below(figure, axes)
