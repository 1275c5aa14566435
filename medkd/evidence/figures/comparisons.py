"""Forest plots of the comparison: differences, arms and subgroups, each value with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from medkd.evidence.figures.appearance import COLOURS, OTHER, arm_colour, arm_name
from medkd.evidence.figures.forest import Group, Panel, Row, forest_picture
from medkd.evidence.figures.picture import Picture


def difference_figure(report: Mapping[str, Any]) -> Picture:
    """Gain, privileged gain, gap and controls with their intervals, at each label fraction, the largest first."""
    groups = []
    for entry in reversed(report["label_efficiency"]):
        share = entry["label_fraction"]
        labels = "All training subjects labelled" if share >= 1 else f"{share * 100:g}% of training subjects labelled"
        rows = [Row("Gain: student over baseline", [entry["gain"]], COLOURS["student"], strong=True)]
        if entry["privileged_gain"] is not None:
            rows.append(Row("Privileged gain", [entry["privileged_gain"]], COLOURS["student"], strong=True))
        if entry["gap"] is not None:
            rows.append(Row("Gap: teacher over baseline", [entry["gap"]], COLOURS["teacher"]))
        for name, control in entry["controls"].items():
            rows.append(Row(f"Control: {arm_name(name).removeprefix('student of a ')}", [control["gain"]], OTHER))
        groups.append(Group(f"{labels}: {entry['verdict']}", rows))
    title = f"Differences in {report['metric_title']} with their intervals"
    panel = Panel(f"difference in {report['metric_title']}\n(right of the line is better)")
    return forest_picture(title, groups, [panel])


def arms_figure(report: Mapping[str, Any]) -> Picture:
    """Every arm's value with its interval, and one dot per seed."""
    rows = []
    for arm, figures in report["arms"].items():
        seeds = [value for value in figures["seeds"] if value is not None]
        rows.append(Row(arm_name(arm), [figures], arm_colour(arm), strong=arm in COLOURS, dots=seeds))
    panel = Panel(f"{report['metric_title']} (dots: single seeds)", difference=False)
    return forest_picture(f"{report['metric_title']} of each model with its interval", [Group("", rows)], [panel])


def subgroup_figure(report: Mapping[str, Any]) -> Picture | None:
    """The student's value and gain in each subgroup; suppressed ones say so. None where there are no subgroups."""
    groups = [
        Group(by, [_subgroup(row) for row in rows])
        for by, rows in groupby(report["subgroups"], key=lambda row: str(row["by"]))
    ]
    if not groups:
        return None
    panels = [
        Panel(f"student's {report['metric_title']}", difference=False),
        Panel("gain over baseline (right of the line is better)"),
    ]
    title = "The student in subgroups: its value and its gain over baseline"
    return forest_picture(title, groups, panels, width=1000)


def _subgroup(row: Mapping[str, Any]) -> Row:
    note = f"not shown: {row['reason']}" if row["suppressed"] else ""
    label = f"{row['group']} ({row['n']} samples, {row['subjects']} subjects)"
    return Row(label, [row["value"], row["gain"]], COLOURS["student"], note=note)
