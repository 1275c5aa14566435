"""Variables over hours, below each other on one axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from medkd.app.figures.palette import DIVERGING, INK, QUIET, STUDENT, STUDENT_TINT, attribution_words, layout, readable
from medkd.data.core.display import Trend

_UNITS = {"Cel": "°C", "1": "", "1/min": "/min", "10*3/uL": "10³/µL", "years": "years"}
_PANEL, _LINE, _FOOT = 68, 17, 34
"""Pixels: of a panel, of a line of words above them, and below."""
_LETTER = 7.2
"""Pixels: of a letter of those words, on average."""
_TWO_COLUMNS = 6
"""More variables than this stand in two columns."""
_BEYOND = 7
"""Windows of the student that are in sight on either side of it, at most: days of glucose would hide three hours."""
_UNSEEN = "#68737e"
_MANY = 120
"""More points than this are drawn smaller."""
_STRIP = 0.16
"""Share of a panel's height that the attribution takes, at its foot."""


def trend_figure(
    trend: Trend,
    attribution: NDArray[np.float64] | None = None,
    *,
    title: str = "",
    speaks_for: str = "",
    width: int = 1000,
) -> go.Figure:
    """Small multiples on one axis of hours.

    Each measurement, the last value in figures, hours without a measurement hatched.

    The hours that the student sees are shaded and named; variables that it does not see come last, in grey, and are
    called so. What was measured only once, at the first hour (age, height), stands in words above.

    Args:
        trend: what is drawn.
        attribution: "seen_variable cell" over the student's window, as a coloured foot of each panel.
        title: of the attribution.
        speaks_for: the class that a positive value speaks for.
        width: pixels that the figure is meant for.
    """
    once, shown, absent = _sorted(trend)
    columns = 2 if len(shown) > _TWO_COLUMNS and width >= 700 else 1
    rows = max(1, math.ceil(len(shown) / columns))
    strongest = float(np.nanmax(np.abs(attribution), initial=0.0)) if attribution is not None else 0.0
    words = _words(trend, once, absent, attribution_words(title, speaks_for) if strongest > 0 else "", width)
    head = 16 + _LINE * len(words)
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
        "tickfont": {"color": QUIET, "size": 11},
    }
    first, last = _shown(trend)
    figure.update_xaxes(
        range=[first, last], minallowed=trend.span[0], maxallowed=trend.span[1], **_ticks(last - first), **grid
    )
    figure.update_yaxes(nticks=3, fixedrange=True, **grid)
    for number, place in enumerate(shown):
        # Down the first column, then down the second: the student's variables stay together.
        row, column = number % rows + 1, number // rows + 1
        strength = None
        if attribution is not None and strongest > 0 and trend.variables[place] in trend.seen:
            strength = attribution[trend.seen.index(trend.variables[place])]
        _panel(figure, trend, place, row, column, strength)
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
        text="<br>".join(words),
        align="left",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"size": 13, "color": QUIET},
    )
    return figure


def describe_trend(trend: Trend) -> str:
    """One line for those who do not see the figure.

    >>> empty = np.zeros(0)
    >>> describe_trend(Trend("vitals", ("sbp",), ("mmHg",), empty, empty.astype(int), empty, (0, 24), (0, 24), ("sbp",)))
    'vitals: 0 measurements of 0 variables over hours 0 to 24; the student saw hours 0 to 24 of 1 variables'
    """
    held = f"{len(trend.values)} measurements of {len(np.unique(trend.variable))} variables over {_hours(trend.span)}"
    seen = f"{_hours(trend.window)} of {len(trend.seen)} variables" if trend.window and trend.seen else "nothing of it"
    return f"{trend.modality}: {held}; the student saw {seen}"


def unit_of(unit: str) -> str:
    """A unit as a person writes it; the tables have UCUM's codes.

    >>> unit_of("Cel"), unit_of("1"), unit_of("mmHg")
    ('°C', '', 'mmHg')
    """
    return _UNITS.get(unit, unit)


def _hours(span: Sequence[float]) -> str:
    return f"hours {span[0]:.4g} to {span[1]:.4g}"


def _sorted(trend: Trend) -> tuple[list[int], list[int], list[int]]:
    """Variables that were measured once at the first hour, those that are drawn, and those that were never measured."""
    once, shown, absent = [], [], []
    for place in range(len(trend.variables)):
        hours = trend.hours[trend.variable == place]
        if not len(hours):
            absent.append(place)
        elif len(hours) == 1 and hours[0] == 0.0 and not trend.additive:
            once.append(place)
        else:
            shown.append(place)
    return once, shown, absent


def _shown(trend: Trend) -> tuple[float, float]:
    """The hours that are in sight at first: all, or the student's among so many times as many."""
    if trend.window is None:
        return trend.span
    beyond = _BEYOND * (trend.window[1] - trend.window[0])
    return max(trend.span[0], trend.window[0] - beyond), min(trend.span[1], trend.window[1] + beyond)


def _ticks(length: float) -> dict[str, float]:
    fitting = [step for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 120, 240) if length / step <= 9]
    return {"tick0": 0.0, "dtick": fitting[0]} if fitting else {}


def _panel(
    figure: go.Figure, trend: Trend, place: int, row: int, column: int, strength: NDArray[np.float64] | None
) -> None:
    kept = trend.variable == place
    hours, values = trend.hours[kept], trend.values[kept].astype(np.float64)
    if trend.additive:
        # A log may say at every step that nothing was taken.
        hours, values = hours[values != 0], values[values != 0]
    seen = trend.variables[place] in trend.seen
    silences = trend.silences[place] if trend.silences else ()
    bottom, top = _limits(values, trend.additive, strength is not None)
    where = {"row": row, "col": column}
    figure.update_yaxes(range=[bottom, top], **where)
    if seen and trend.window:
        start, end = trend.window
        ground = {"type": "rect", "layer": "below", "fillcolor": STUDENT_TINT, "line_width": 0}
        figure.add_shape(x0=start, x1=end, y0=bottom, y1=top, **ground, **where)
    _hatch(figure, silences, bottom, top, where)
    _lines(figure, hours, values, trend.additive, silences, INK if seen else _UNSEEN, where)
    _points(figure, trend, place, hours, values, where)
    if strength is not None and trend.window:
        step = (trend.window[1] - trend.window[0]) / len(strength)
        hover = f"<b>{escape(readable(trend.variables[place]))}</b> %{{z:+.3f}}<extra>attribution</extra>"
        foot = {"x0": trend.window[0] + step / 2, "dx": step, "y": [bottom, bottom + (top - bottom) * _STRIP]}
        figure.add_heatmap(
            z=strength[None].astype(np.float32), coloraxis="coloraxis", hovertemplate=hover, **foot, **where
        )


def _limits(values: NDArray[np.float64], additive: bool, foot: bool) -> tuple[float, float]:
    """The axis of a panel: room above for the name and, where there is one, below for the attribution."""
    held = np.append(values, 0.0) if additive or not len(values) else values
    low, high = float(held.min()), float(held.max())
    room = (high - low) or abs(high) * 0.2 or 1.0
    bottom, top = low - (0.0 if additive else 0.15 * room), high + 0.75 * room
    return (bottom - (top - bottom) * _STRIP / (1 - _STRIP) if foot else bottom), top


def _lines(
    figure: go.Figure,
    hours: NDArray[np.float64],
    values: NDArray[np.float64],
    additive: bool,
    silences: Sequence[tuple[float, float]],
    colour: str,
    where: dict[str, int],
) -> None:
    """Amounts as stems; levels joined, over hours without a measurement by dots."""
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
    place: int,
    hours: NDArray[np.float64],
    values: NDArray[np.float64],
    where: dict[str, int],
) -> None:
    """Each measurement, the variable's name, and at the right the last value (of amounts: those in sight together)."""
    name, unit = escape(readable(trend.variables[place])), escape(unit_of(trend.units[place]))
    seen = trend.variables[place] in trend.seen
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
        first, last = _shown(trend)
        said = f"<b>{_figure(values[(hours >= first) & (hours <= last)].sum())}</b> {unit} in {last - first:.3g} h"
    else:
        said = f"<b>{_figure(values[-1])}</b> {unit}"
    axis = {"xref": "x domain", "yref": "y domain", "xanchor": "left", "showarrow": False, **where}
    ground = {"bgcolor": "rgba(255, 255, 255, 0.7)", "borderpad": 1}
    figure.add_annotation(x=0, y=1, text=label, yanchor="top", font={"size": 12, "color": colour}, **ground, **axis)
    figure.add_annotation(x=1, y=0.5, xshift=6, text=said, yanchor="middle", font={"size": 13, "color": colour}, **axis)


def _hatch(
    figure: go.Figure, silences: Sequence[tuple[float, float]], bottom: float, top: float, where: dict[str, int]
) -> None:
    """Hours without a measurement: by hatching, so that it does not depend on a colour."""
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


def _words(trend: Trend, once: Sequence[int], absent: Sequence[int], colours: str, width: int) -> list[str]:
    """The lines above the panels."""
    if trend.window and trend.seen:
        seen = f"<span style='color:{STUDENT}'><b>tint: {_hours(trend.window)}, seen by the student</b></span>"
    else:
        seen = "not seen by the student"
    missing = "   hatched: not measured" if any(trend.silences) else ""
    hidden = "   zoom out for the other hours" if _shown(trend) != trend.span else ""
    lines = [f"<b>{escape(readable(trend.modality))}</b>   {seen}{missing}{hidden}"]
    letters = int(width / _LETTER)
    if once:
        held = ((place, float(trend.values[trend.variable == place][0])) for place in once)
        at = [
            f"{readable(trend.variables[place])} {_figure(value)} {unit_of(trend.units[place])}"
            for place, value in held
        ]
        lines += textwrap.wrap("at hour 0 only: " + escape(", ".join(at)), letters)
    if absent:
        lines += textwrap.wrap(
            "never measured: " + escape(", ".join(readable(trend.variables[place]) for place in absent)), letters
        )
    return [*lines, colours] if colours else lines


def _figure(value: float) -> str:
    """Three digits, or all before the point.

    >>> _figure(61.6667), _figure(1234.5)
    ('61.7', '1234')
    """
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
