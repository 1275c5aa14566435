"""Trend figure: variables over hours, one panel each, on a common axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from medkd.app.figures.style import DIVERGING, MUTED, STUDENT, attribution_legend, layout, readable
from medkd.app.figures.trend_panel import add_panel, format_value, unit_of, visible_hours
from medkd.data.core.display import Trend

_PANEL, _LINE, _FOOT = 68, 17, 34
"""Pixels: heights of a panel, of a text line above the panels, and of the space below them."""
_LETTER = 7.2
"""Mean width of a letter in pixels."""
_TWO_COLUMNS = 6
"""Number of variables above which they are drawn in two columns."""


def trend_figure(
    trend: Trend,
    attribution: NDArray[np.float64] | None = None,
    *,
    title: str = "",
    class_name: str = "",
    width: int = 1000,
) -> go.Figure:
    """Small multiples on one axis of hours: each measurement, the last value as text, unmeasured hours hatched.

    The hours that the student sees are tinted and named; variables that it does not see come last, in grey, and are
    labelled so. What was measured only once, at the first hour (age, height), is text above the panels.

    Args:
        attribution: "seen_variable cell" over the student's window; a coloured strip at the foot of each panel.
        title: of the attribution.
        class_name: the class that a positive value supports.
        width: pixels.
    """
    once, shown, absent = _sorted(trend)
    columns = 2 if len(shown) > _TWO_COLUMNS and width >= 700 else 1
    rows = max(1, math.ceil(len(shown) / columns))
    strongest = float(np.nanmax(np.abs(attribution), initial=0.0)) if attribution is not None else 0.0
    lines = _text_lines(trend, once, absent, attribution_legend(title, class_name) if strongest > 0 else "", width)
    head = 16 + _LINE * len(lines)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        vertical_spacing=10 / (rows * _PANEL),
        horizontal_spacing=150 / width,
    )
    figure.update_layout(
        layout(
            height=head + _FOOT + rows * _PANEL,
            margin={"l": 44, "r": 96, "t": head, "b": _FOOT},
            hovermode="x unified" if columns == 1 else "closest",
            meta={"description": describe_trend(trend)},
        )
    )
    grid = {
        "showgrid": True,
        "gridcolor": "#e6e9ec",
        "zeroline": False,
        "linecolor": "#b8c0c7",
        "tickfont": {"color": MUTED, "size": 11},
    }
    first, last = visible_hours(trend)
    figure.update_xaxes(
        range=[first, last], minallowed=trend.span[0], maxallowed=trend.span[1], **_ticks(last - first), **grid
    )
    figure.update_yaxes(nticks=3, fixedrange=True, **grid)
    for number, index in enumerate(shown):
        # Down the first column, then down the second, so that the student's variables stay together.
        row, column = number % rows + 1, number // rows + 1
        strength = None
        if attribution is not None and strongest > 0 and trend.variables[index] in trend.seen:
            strength = attribution[trend.seen.index(trend.variables[index])]
        add_panel(figure, trend, index, row, column, strength)
    for column in range(1, columns + 1):
        last = min(rows, len(shown) - rows * (column - 1)) or 1
        figure.update_xaxes(
            title={"text": "hours", "standoff": 2, "font": {"size": 12}}, showticklabels=True, row=last, col=column
        )
    figure.update_layout(coloraxis={"colorscale": DIVERGING, "cmin": -strongest, "cmax": strongest, "showscale": False})
    figure.add_annotation(
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xshift=-36,
        yshift=6,
        text="<br>".join(lines),
        align="left",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"size": 13, "color": MUTED},
    )
    return figure


def describe_trend(trend: Trend) -> str:
    """One line for those who do not see the figure.

    >>> empty = np.zeros(0)
    >>> nothing = empty, empty.astype(int), empty
    >>> describe_trend(Trend("vitals", ("sbp",), ("mmHg",), *nothing, (0, 24), (0, 24), ("sbp",)))
    'vitals: 0 measurements of 0 variables over hours 0 to 24; the student saw hours 0 to 24 of 1 variables'
    """
    variables = len(np.unique(trend.variable))
    measured = f"{len(trend.values)} measurements of {variables} variables over {_hours(trend.span)}"
    seen = f"{_hours(trend.window)} of {len(trend.seen)} variables" if trend.window and trend.seen else "nothing of it"
    return f"{trend.modality}: {measured}; the student saw {seen}"


def _hours(span: Sequence[float]) -> str:
    return f"hours {span[0]:.4g} to {span[1]:.4g}"


def _sorted(trend: Trend) -> tuple[list[int], list[int], list[int]]:
    """Indices of variables measured only once at hour 0, of those to be drawn, and of those never measured."""
    once, shown, absent = [], [], []
    for index in range(len(trend.variables)):
        hours = trend.hours[trend.variable == index]
        if not len(hours):
            absent.append(index)
        elif len(hours) == 1 and hours[0] == 0.0 and not trend.additive:
            once.append(index)
        else:
            shown.append(index)
    return once, shown, absent


def _ticks(length: float) -> dict[str, float]:
    fitting = [step for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 120, 240) if length / step <= 9]
    return {"tick0": 0.0, "dtick": fitting[0]} if fitting else {}


def _text_lines(trend: Trend, once: Sequence[int], absent: Sequence[int], legend: str, width: int) -> list[str]:
    """The text lines above the panels, wrapped to the width."""
    if trend.window and trend.seen:
        seen = f"<span style='color:{STUDENT}'><b>tint: {_hours(trend.window)}, seen by the student</b></span>"
    else:
        seen = "not seen by the student"
    missing = "   hatched: not measured" if any(trend.silences) else ""
    hidden = "   zoom out for the other hours" if visible_hours(trend) != trend.span else ""
    lines = [f"<b>{escape(readable(trend.modality))}</b>   {seen}{missing}{hidden}"]
    letters = int(width / _LETTER)
    if once:
        first = ((index, float(trend.values[trend.variable == index][0])) for index in once)
        at = [
            f"{readable(trend.variables[index])} {format_value(value)} {unit_of(trend.units[index])}"
            for index, value in first
        ]
        lines += textwrap.wrap("at hour 0 only: " + escape(", ".join(at)), letters)
    if absent:
        lines += textwrap.wrap(
            "never measured: " + escape(", ".join(readable(trend.variables[index]) for index in absent)), letters
        )
    return [*lines, legend] if legend else lines
