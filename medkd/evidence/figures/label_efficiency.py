"""Label efficiency: every arm over the share of labelled training subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import arm_colour, arm_line
from medkd.evidence.figures.picture import Picture, legend_below

SHOWN = ("teacher", "student", "baseline", "self_teacher")


def label_figure(report: Mapping[str, Any]) -> Picture | None:
    """Arms with their intervals over the share of labelled subjects; None where only one share was run."""
    entries = report["label_efficiency"]
    if len(entries) < 2:
        return None
    arms = [arm for arm in SHOWN if all(arm in entry["arms"] for entry in entries)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, arm in enumerate(arms):
            # Side by side, so that no interval hides another.
            offset = 0.05 * (number - (len(arms) - 1) / 2)
            known = [
                (index + offset, entry["arms"][arm])
                for index, entry in enumerate(entries)
                if entry["arms"][arm]["value"] is not None
            ]
            x, colour = [position for position, _ in known], arm_colour(arm)
            value, low, high = ([interval[key] for _, interval in known] for key in ("value", "low", "high"))
            axes.vlines(x, low, high, color=colour)
            name = "self-taught" if arm == "self_teacher" else arm
            axes.plot(x, value, arm_line(arm), marker="o", markeredgecolor="white", color=colour, label=name)
        axes.set_title("How many labels it takes")
        axes.set_xticks(range(len(entries)), [f"{entry['label_fraction'] * 100:g}%" for entry in entries])
        axes.set(
            xlabel="training subjects with a label", ylabel=report["metric_title"], xlim=(-0.4, len(entries) - 0.6)
        )
        legend_below(figure, axes, columns=4)

    label = f"{report['metric_title']} of {', '.join(arms)} over the share of labelled training subjects"
    return Picture(label, 500, 310, draw)
