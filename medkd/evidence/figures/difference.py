"""The answer in one picture: what the teacher gave, against what chance and controls would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from medkd.evidence.figures.appearance import COLOURS, OTHER, arm_name
from medkd.evidence.figures.forest import Group, Panel, Row, forest


def difference_figure(report: Mapping[str, Any]) -> Markup:
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
    return forest(title, groups, [Panel(f"difference in {report['metric_title']}\n(right of the line is better)")])
