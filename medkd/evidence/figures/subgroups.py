"""Whom the student serves, and whom the teacher helped."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from medkd.evidence.figures.appearance import COLOURS
from medkd.evidence.figures.forest import Group, Panel, Row, forest


def subgroup_figure(report: Mapping[str, Any]) -> Markup | None:
    """The student's value and gain in each subgroup; suppressed ones say so. None where there are no subgroups."""
    groups = [
        Group(by, [_row(one) for one in found])
        for by, found in groupby(report["subgroups"], key=lambda one: str(one["by"]))
    ]
    if not groups:
        return None
    panels = [
        Panel(f"student's {report['metric_title']}", difference=False),
        Panel("gain over baseline (right of the line is better)"),
    ]
    return forest("The student in subgroups: its value and its gain over baseline", groups, panels, width=1000)


def _row(found: Mapping[str, Any]) -> Row:
    note = f"not shown: {found['reason']}" if found["suppressed"] else ""
    label = f"{found['group']} ({found['n']} samples, {found['subjects']} subjects)"
    return Row(label, [found["value"], found["gain"]], COLOURS["student"], note=note)
