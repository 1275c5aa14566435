"""How good each arm is, and how much of that is the subjects, and the seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_name
from medkd.evidence.figures.forest import Group, Panel, Row, forest


def arms_figure(report: Mapping[str, Any]) -> Markup:
    """Every arm's value with its interval, and a dot for each seed."""
    rows = []
    for arm, found in report["arms"].items():
        seeds = [value for value in found["seeds"] if value is not None]
        rows.append(Row(arm_name(arm), [found], arm_colour(arm), strong=arm in COLOURS, dots=seeds))
    panel = Panel(f"{report['metric_title']} (dots: single seeds)", difference=False)
    return forest(f"{report['metric_title']} of each model with its interval", [Group("", rows)], [panel])
