"""Reliability diagrams: observed share over predicted probability, one picture per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_line
from medkd.evidence.figures.picture import MOST_CLASSES, Picture, diagonal, legend_below, size_of, title_of

_BARS = 0.16
"""Share of the height that the histogram may fill."""


def reliability_figures(report: Mapping[str, Any]) -> list[Picture]:
    """A reliability diagram per class, with intervals and histogram of the student (without one, the first arm)."""
    arms, classes = report["calibration"], len(report["classes"])
    main = "student" if "student" in arms else next(iter(arms), "")
    order = [arm for arm in COLOURS if arm in arms] or list(arms)
    pictures = []
    for name in report["classes"][:MOST_CLASSES] if arms else []:
        bins = {arm: arms[arm]["classes"][name]["reliability"] for arm in order}
        draw = partial(
            _draw,
            title=title_of("Calibration", name, classes),
            bins={arm: rows for arm, rows in bins.items() if rows},
            counts=arms[main]["classes"][name]["histogram"],
            main=main,
        )
        label = f"Calibration of {', '.join(bins)} for {name}: observed share over predicted"
        pictures.append(Picture(label, *size_of(classes), draw))
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
    for arm, rows in bins.items():
        predicted, observed, low, high = (
            [row[key] for row in rows] for key in ("predicted", "observed", "low", "high")
        )
        style: dict[str, Any] = {"linewidth": 1.5}
        if arm == main:
            axes.vlines(predicted, low, high, color=arm_colour(arm), linewidth=1.4)
            style = {"marker": "o", "markersize": 6, "markeredgecolor": "white"}
        axes.plot(predicted, observed, arm_line(arm), color=arm_colour(arm), label=arm, **style)
    axes.set_title(title)
    axes.set(xlabel="predicted probability", ylabel="observed share")
    legend_below(figure, axes)
