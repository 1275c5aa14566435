"""Whether acting on a model does more good than acting on everybody, or on nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import REFERENCE, arm_colour, arm_line
from medkd.evidence.figures.picture import MOST_CLASSES, legend_below, picture, size_of, title_of

_USEFUL = 0.003
"""Net benefit below which a curve has nothing left to show."""


def decision_figures(report: Mapping[str, Any]) -> list[Markup]:
    """A decision curve for each class, over the thresholds at which any arm is worth something."""
    found = report["curves"].get("decision", {"classes": {}})
    classes = len(report["classes"])
    pictures = []
    for name, lines in list(found["classes"].items())[:MOST_CLASSES]:
        draw = partial(
            _draw, title=title_of("Decision curve", name, classes), thresholds=found["threshold"], lines=lines
        )
        arms = [arm for arm in lines if arm != "treat_all"]
        pictures.append(
            picture(
                f"Decision curves of {', '.join(arms)} for {name}, beside treat all and none", *size_of(classes), draw
            )
        )
    return pictures


def _draw(figure: Figure, title: str, thresholds: Sequence[float], lines: Mapping[str, Sequence[float]]) -> None:
    axes = figure.subplots()
    arms = {arm: line for arm, line in lines.items() if arm != "treat_all"}
    best = [max(values) for values in zip(*arms.values(), strict=True)]
    useful = [threshold for threshold, value in zip(thresholds, best, strict=True) if value > _USEFUL]
    end = min(0.99, max([*useful, 0.2]) + 0.08)
    top = 1.1 * max([0.02, *best])
    for arm, line in arms.items():
        axes.plot(thresholds, line, arm_line(arm), color=arm_colour(arm), label=arm)
    if "treat_all" in lines:
        axes.plot(
            thresholds, lines["treat_all"], color=REFERENCE, linewidth=1.4, linestyle=(0, (5, 2)), label="treat all"
        )
    axes.axhline(0, color=REFERENCE, linewidth=1.4, label="treat none")
    axes.set_title(title)
    axes.set(xlabel="threshold of concern", ylabel="net benefit", xlim=(0, end), ylim=(-0.15 * top, top))
    legend_below(figure, axes)
