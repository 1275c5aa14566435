"""What a label is worth: every arm over the share of labelled training subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import arm_colour, arm_line
from medkd.evidence.figures.picture import legend_below, picture

SHOWN = ("teacher", "student", "baseline", "self_teacher")


def label_figure(report: Mapping[str, Any]) -> Markup | None:
    """Arms with their intervals over the share of labelled subjects; None where only one share was run."""
    entries = report["label_efficiency"]
    if len(entries) < 2:
        return None
    arms = [arm for arm in SHOWN if all(arm in entry["arms"] for entry in entries)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, arm in enumerate(arms):
            # Side by side, so that no interval hides another.
            aside = 0.05 * (number - (len(arms) - 1) / 2)
            known = [
                (place + aside, entry["arms"][arm])
                for place, entry in enumerate(entries)
                if entry["arms"][arm]["value"] is not None
            ]
            places, values = [place for place, _ in known], [found["value"] for _, found in known]
            axes.vlines(
                places,
                [found["low"] for _, found in known],
                [found["high"] for _, found in known],
                color=arm_colour(arm),
            )
            name = "self-taught" if arm == "self_teacher" else arm
            axes.plot(
                places, values, arm_line(arm), marker="o", markeredgecolor="white", color=arm_colour(arm), label=name
            )
        axes.set_title("How many labels it takes")
        axes.set_xticks(range(len(entries)), [f"{entry['label_fraction'] * 100:g}%" for entry in entries])
        axes.set(
            xlabel="training subjects with a label", ylabel=report["metric_title"], xlim=(-0.4, len(entries) - 0.6)
        )
        legend_below(figure, axes, columns=4)

    return picture(
        f"{report['metric_title']} of {', '.join(arms)} over the share of labelled training subjects", 500, 310, draw
    )
