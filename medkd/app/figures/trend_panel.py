"""Trend panel: one variable over hours, with its name, its last value and the hours without a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from medkd.app.figures.style import INK, STUDENT_TINT, readable
from medkd.data.core.display import Trend

_UNITS = {"Cel": "°C", "1": "", "1/min": "/min", "10*3/uL": "10³/µL", "years": "years"}
_WINDOWS_BESIDE = 7
"""Most windows of the student that are in sight on either side of it: days of glucose would hide three hours."""
_UNSEEN = "#68737e"
_MANY = 120
"""Number of points above which they are drawn smaller."""
_FOOT = 0.16
"""Fraction of a panel's height for the attribution, at its foot."""


def add_panel(
    figure: go.Figure, trend: Trend, index: int, row: int, column: int, strength: NDArray[np.float64] | None
) -> None:
    """Draw variable ``index`` in one panel; ``strength`` is its attribution per cell of the student's window."""
    is_variable = trend.variable == index
    hours, values = trend.hours[is_variable], trend.values[is_variable].astype(np.float64)
    if trend.additive:
        # A log may record at every step that nothing was given.
        hours, values = hours[values != 0], values[values != 0]
    seen = trend.variables[index] in trend.seen
    silences = trend.silences[index] if trend.silences else ()
    bottom, top = _limits(values, trend.additive, strength is not None)
    where = {"row": row, "col": column}
    figure.update_yaxes(range=[bottom, top], **where)
    if seen and trend.window:
        start, end = trend.window
        tint = {"type": "rect", "layer": "below", "fillcolor": STUDENT_TINT, "line_width": 0}
        figure.add_shape(x0=start, x1=end, y0=bottom, y1=top, **tint, **where)
    _hatch(figure, silences, bottom, top, where)
    _lines(figure, hours, values, trend.additive, silences, INK if seen else _UNSEEN, where)
    _points(figure, trend, index, hours, values, where)
    if strength is not None and trend.window:
        step = (trend.window[1] - trend.window[0]) / len(strength)
        hover = f"<b>{escape(readable(trend.variables[index]))}</b> %{{z:+.3f}}<extra>attribution</extra>"
        foot = {"x0": trend.window[0] + step / 2, "dx": step, "y": [bottom, bottom + (top - bottom) * _FOOT]}
        figure.add_heatmap(
            z=strength[None].astype(np.float32), coloraxis="coloraxis", hovertemplate=hover, **foot, **where
        )


def _limits(values: NDArray[np.float64], additive: bool, foot: bool) -> tuple[float, float]:
    """Ends of a panel's axis, with room above for the name and, with ``foot``, below for the attribution."""
    shown = np.append(values, 0.0) if additive or not len(values) else values
    low, high = float(shown.min()), float(shown.max())
    room = (high - low) or abs(high) * 0.2 or 1.0
    bottom, top = low - (0.0 if additive else 0.15 * room), high + 0.75 * room
    return (bottom - (top - bottom) * _FOOT / (1 - _FOOT) if foot else bottom), top


def _lines(
    figure: go.Figure,
    hours: NDArray[np.float64],
    values: NDArray[np.float64],
    additive: bool,
    silences: Sequence[tuple[float, float]],
    colour: str,
    where: dict[str, int],
) -> None:
    """Amounts as stems; levels joined by a line, which is dotted over hours without a measurement."""
    shared: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip", **where}
    if additive:
        xs: list[float | None] = [x for hour in hours.tolist() for x in (hour, hour, None)]
        ys: list[float | None] = [y for value in values.tolist() for y in (0.0, value, None)]
        figure.add_scatter(x=xs, y=ys, line={"color": colour, "width": 2}, **shared)
        return
    if silences and len(hours) > 1:
        figure.add_scatter(x=hours, y=values, line={"color": colour, "width": 1, "dash": "dot"}, **shared)
    xs, ys = _broken(hours, values, silences)
    figure.add_scatter(x=xs, y=ys, line={"color": colour, "width": 1.2}, **shared)


def _points(
    figure: go.Figure,
    trend: Trend,
    index: int,
    hours: NDArray[np.float64],
    values: NDArray[np.float64],
    where: dict[str, int],
) -> None:
    """Each measurement, the variable's name, and at the right the last value, or the sum of the amounts in sight."""
    name, unit = escape(readable(trend.variables[index])), escape(unit_of(trend.units[index]))
    seen = trend.variables[index] in trend.seen
    colour = INK if seen else _UNSEEN
    figure.add_scatter(
        x=hours.astype(np.float32),
        y=values.astype(np.float32),
        mode="markers",
        marker={"color": colour, "size": 5 if len(hours) <= _MANY else 3},
        name=name,
        hovertemplate=f"<b>{name}</b> %{{y:.4g}} {unit}, hour %{{x:.2f}}<extra></extra>",
        **where,
    )
    label = f"<b>{name}</b>" if seen or not trend.seen else f"{name} <i>(not seen by the student)</i>"
    if trend.additive:
        first, last = visible_hours(trend)
        value = (
            f"<b>{format_value(values[(hours >= first) & (hours <= last)].sum())}</b> {unit} in {last - first:.3g} h"
        )
    else:
        value = f"<b>{format_value(values[-1])}</b> {unit}"
    axis = {"xref": "x domain", "yref": "y domain", "xanchor": "left", "showarrow": False, **where}
    background = {"bgcolor": "rgba(255, 255, 255, 0.7)", "borderpad": 1}
    figure.add_annotation(x=0, y=1, text=label, yanchor="top", font={"size": 12, "color": colour}, **background, **axis)
    figure.add_annotation(
        x=1, y=0.5, xshift=6, text=value, yanchor="middle", font={"size": 13, "color": colour}, **axis
    )


def _hatch(
    figure: go.Figure, silences: Sequence[tuple[float, float]], bottom: float, top: float, where: dict[str, int]
) -> None:
    """Hatch the hours without a measurement: a pattern, which does not depend on colour."""
    if not silences:
        return
    xs = [x for start, end in silences for x in (start, end, end, start, start, None)]
    ys = [y for _ in silences for y in (bottom, bottom, top, top, bottom, None)]
    pattern = {"shape": "/", "fgcolor": "#b4bdc6", "bgcolor": "rgba(214, 219, 224, 0.28)", "size": 7, "solidity": 0.14}
    figure.add_scatter(
        x=xs, y=ys, mode="lines", line_width=0, fill="toself", fillpattern=pattern, hoverinfo="skip", **where
    )


def _broken(
    hours: NDArray[np.float64], values: NDArray[np.float64], silences: Sequence[tuple[float, float]]
) -> tuple[list[float | None], list[float | None]]:
    """A line through the measurements that does not cross hours without any.

    >>> _broken(np.array([0.5, 3.5]), np.array([1.0, 2.0]), [(1.0, 3.0)])[0]
    [0.5, None, 3.5]
    """
    xs: list[float | None] = []
    ys: list[float | None] = []
    for number, (hour, value) in enumerate(zip(hours.tolist(), values.tolist(), strict=True)):
        if number and any(hours[number - 1] <= start and end <= hour for start, end in silences):
            xs.append(None)
            ys.append(None)
        xs.append(hour)
        ys.append(value)
    return xs, ys


def unit_of(unit: str) -> str:
    """A unit in common notation, from its UCUM code.

    >>> unit_of("Cel"), unit_of("1"), unit_of("mmHg")
    ('°C', '', 'mmHg')
    """
    return _UNITS.get(unit, unit)


def visible_hours(trend: Trend) -> tuple[float, float]:
    """The hours in sight at first: all, or the student's window and ``_WINDOWS_BESIDE`` windows on either side."""
    if trend.window is None:
        return trend.span
    margin = _WINDOWS_BESIDE * (trend.window[1] - trend.window[0])
    return max(trend.span[0], trend.window[0] - margin), min(trend.span[1], trend.window[1] + margin)


def format_value(value: float) -> str:
    """A value with three digits, or all before the point.

    >>> format_value(61.6667), format_value(1234.5)
    ('61.7', '1234')
    """
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
