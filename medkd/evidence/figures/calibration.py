"""Whether a predicted 30 % is 30 %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_line
from medkd.evidence.figures.picture import MOST_CLASSES, diagonal, legend_below, picture, size_of, title_of

_BARS = 0.16
"""Share of the height that the histogram may fill."""


def calibration_figures(report: Mapping[str, Any]) -> list[Markup]:
    """A reliability chart for each class.

    The student's (or where there is none the first arm's) with intervals and histogram.
    """
    arms, classes = report["calibration"], len(report["classes"])
    main = "student" if "student" in arms else next(iter(arms), "")
    order = [arm for arm in COLOURS if arm in arms] or list(arms)
    pictures = []
    for name in report["classes"][:MOST_CLASSES] if arms else []:
        bins = {arm: arms[arm]["classes"][name]["reliability"] for arm in order}
        draw = partial(
            _draw,
            title=title_of("Calibration", name, classes),
            bins={arm: found for arm, found in bins.items() if found},
            counts=arms[main]["classes"][name]["histogram"],
            main=main,
        )
        pictures.append(
            picture(
                f"Calibration of {', '.join(bins)} for {name}: observed share over predicted", *size_of(classes), draw
            )
        )
    return pictures


def _draw(
    figure: Figure, title: str, bins: Mapping[str, Sequence[Mapping[str, float]]], counts: Sequence[int], main: str
) -> None:
    axes = figure.subplots()
    diagonal(axes)
    if any(counts):
        edges = np.linspace(0, 1, len(counts) + 1)
        heights = _BARS * np.asarray(counts) / max(counts)
        axes.bar(
            edges[:-1],
            heights,
            width=1 / len(counts),
            align="edge",
            color=COLOURS["student"],
            alpha=0.16,
            edgecolor="white",
        )
    for arm, found in bins.items():
        predicted, observed = ([one[key] for one in found] for key in ("predicted", "observed"))
        if arm == main:
            axes.vlines(
                predicted,
                [one["low"] for one in found],
                [one["high"] for one in found],
                color=arm_colour(arm),
                linewidth=1.4,
            )
        style = {"marker": "o", "markersize": 6, "markeredgecolor": "white"} if arm == main else {"linewidth": 1.5}
        axes.plot(predicted, observed, arm_line(arm), color=arm_colour(arm), label=arm, **style)
    axes.set_title(title)
    axes.set(xlabel="predicted probability", ylabel="observed share")
    legend_below(figure, axes)
