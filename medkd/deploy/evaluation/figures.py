"""Figures of an evaluation beside those of every report: comparison with development, subgroups, course of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from medkd.evidence.figures.appearance import DEVELOPMENT, HERE, OTHER, REFERENCE, arm_colour, arm_line
from medkd.evidence.figures.forest import Group, Panel, Row, forest
from medkd.evidence.figures.picture import MOST_CLASSES, legend_below, picture, title_of
from medkd.evidence.statistics.metrics import METRICS

_WARNING, _ALARM = "#d97706", "#b91c1c"
_HALF, _DOUBLE = "#7c3aed", "#0369a1"
_STATES = {"in control": arm_colour(HERE), "warning": _WARNING, "alarm": _ALARM, "no outcome": OTHER}


def comparison_figure(evaluation: Mapping[str, Any]) -> Markup:
    """Each metric here, after recalibration and at development."""
    arms = evaluation["arms"]
    groups = []
    for name in arms[HERE]["metrics"]:
        rows = [
            Row(arm, [figures["metrics"][name]], arm_colour(arm), strong=arm == HERE)
            for arm, figures in arms.items()
            if name in figures["metrics"]
        ]
        title = METRICS[name].title
        groups.append(Group(title[0].upper() + title[1:], rows))
    units = f" ({evaluation['units']})" if evaluation["units"] else ""
    return forest("Figures here and at development", groups, [Panel(f"value{units}", difference=False)])


def subgroup_figure(evaluation: Mapping[str, Any]) -> Markup | None:
    """The value in each subgroup, here and at development; None where there are none."""
    rows = evaluation["subgroups"]
    if not rows:
        return None
    groups = [Group(by, [_subgroup(row) for row in part]) for by, part in groupby(rows, key=lambda row: str(row["by"]))]
    title = evaluation["metric_title"]
    panels = [Panel(f"{title} of these patients", difference=False), Panel(f"{title} at development", difference=False)]
    return forest(f"{title} in subgroups, here and at development", groups, panels, width=1000)


def period_figures(evaluation: Mapping[str, Any]) -> list[Markup]:
    """What changes with time: discrimination, observed over expected within its limits, unusual inputs.

    Nothing of a single period.
    """
    course = evaluation["over_time"]
    rows = [row for row in course["rows"] if not row["suppressed"]] if course else []
    if len(rows) < 2:
        return []
    pictures = [
        picture(f"{evaluation['metric_title']} by {course['period']}", 430, 300, partial(_values, evaluation, rows))
    ]
    pictures += [
        picture(
            f"Observed over expected of {name} by {course['period']}",
            430,
            300,
            partial(_ratios, name, len(evaluation["classes"]), rows),
        )
        for name in evaluation["classes"][:MOST_CLASSES]
        if "classes" in rows[0]
    ]
    if any(row["abstaining"] or row["drifted"] for row in rows):
        pictures.append(
            picture(f"Abstentions and unusual inputs by {course['period']}", 430, 300, partial(_unusual, rows))
        )
    return pictures


def cusum_figures(evaluation: Mapping[str, Any]) -> list[Markup]:
    """A chart for each class: the evidence that odds have doubled, or halved."""
    course = evaluation["over_time"]
    charts = course["cusum"] if course else {}
    several = len(charts)
    return [
        picture(f"CUSUM of {name}", 430, 300, partial(_cusum, title_of("CUSUM", name, several), pair))
        for name, pair in list(charts.items())[:MOST_CLASSES]
        if pair and len(pair[0]["path"]) > 1
    ]


def _subgroup(row: Mapping[str, Any]) -> Row:
    note = f"not shown: {row['reason']}" if row["suppressed"] else ""
    label = f"{row['group']} ({row['n']:,} samples, {row['subjects']:,} subjects)"
    return Row(label, [row["value"], row["development"]], arm_colour(HERE), note=note)


def _values(evaluation: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    axes = figure.subplots()
    known = [(_day(row["from"]), row["value"]) for row in rows if row["value"] and row["value"]["value"] is not None]
    times, values = [when for when, _ in known], [value for _, value in known]
    axes.vlines(
        times,
        [value["low"] for value in values],
        [value["high"] for value in values],
        color=arm_colour(HERE),
        linewidth=1.4,
    )
    axes.plot(
        times,
        [value["value"] for value in values],
        marker="o",
        markeredgecolor="white",
        color=arm_colour(HERE),
        label=HERE,
    )
    developed = evaluation["arms"].get(DEVELOPMENT)
    if developed and developed["value"] is not None:
        axes.axhline(
            developed["value"],
            color=arm_colour(DEVELOPMENT),
            linestyle=arm_line(DEVELOPMENT),
            linewidth=1.3,
            label=DEVELOPMENT,
        )
    axes.set_title(evaluation["metric_title"])
    _dates(axes)
    legend_below(figure, axes)


def _ratios(name: str, classes: int, rows: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    axes = figure.subplots()
    known = [(_day(row["from"]), row["classes"][name]) for row in rows if row["classes"][name]["ratio"] is not None]
    times, ratios = [when for when, _ in known], [row for _, row in known]
    axes.axhline(1, color=REFERENCE, linewidth=1.2)
    for key, colour, words in (("warning", _WARNING, "95% limits"), ("alarm", _ALARM, "99.8% limits")):
        for side in (0, 1):
            label = words if side == 0 else None
            axes.step(
                times,
                [row[key][side] for row in ratios],
                where="mid",
                color=colour,
                linewidth=1.1,
                linestyle=(0, (4, 2)),
                label=label,
            )
    axes.plot(times, [row["ratio"] for row in ratios], color=OTHER, linewidth=1)
    for state, colour in _STATES.items():
        inside = [(when, row["ratio"]) for when, row in known if row["state"] == state]
        if inside:
            axes.plot(*zip(*inside, strict=True), "o", color=colour, markersize=7, markeredgecolor="white", label=state)
    axes.set_title(title_of("Observed over expected", name, classes))
    axes.set_ylim(bottom=0)
    _dates(axes)
    legend_below(figure, axes, columns=3)


def _unusual(rows: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    axes = figure.subplots()
    for key, colour, words in (
        ("drifted", _HALF, "input unlike the training data"),
        ("abstaining", _DOUBLE, "the model abstains"),
    ):
        known = [(_day(row["from"]), row[key]["value"]) for row in rows if row[key]]
        if known:
            axes.plot(*zip(*known, strict=True), marker="o", markeredgecolor="white", color=colour, label=words)
    axes.set_title("Share of items")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    _dates(axes)
    legend_below(figure, axes, columns=2)


def _cusum(title: str, charts: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    axes = figure.subplots()
    for chart in charts:
        up = chart["odds_ratio"] > 1
        colour = _DOUBLE if up else _HALF
        times = [_day(point["time"]) for point in chart["path"]]
        axes.plot(
            times,
            [point["value"] for point in chart["path"]],
            color=colour,
            linewidth=1.6,
            label="odds doubled" if up else "odds halved",
        )
        axes.axhline(chart["limit"], color=colour, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.set_title(title)
    axes.set_ylabel("evidence")
    axes.set_ylim(bottom=0)
    _dates(axes)
    legend_below(figure, axes, columns=2)


def _day(text: str) -> float:
    """An ISO date as matplotlib counts days."""
    return float(date2num(date.fromisoformat(text)))  # type: ignore[no-untyped-call]


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis_date()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
