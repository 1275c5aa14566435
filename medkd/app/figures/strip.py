"""Waveforms on millimetre paper, as a cardiologist knows them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from medkd.app.figures.palette import AGAINST, FOR, INK, QUIET, STUDENT, STUDENT_TINT, attribution_words, layout
from medkd.app.figures.sheet import Panel, Sheet, sheet_of
from medkd.data.core.display import Strip

_MM_A_SECOND, _MM_A_MILLIVOLT = 25, 10
_SHEET, _FINE, _BOLD, _EDGE = "#fff8f6", "#f8dcd8", "#eba9a2", "#d98a82"
_PULSE = 0.2
_SHARES, _WIDTHS = (0.08, 0.3, 0.6), (5, 7, 9)
"""Shares of the strongest attribution from which it is drawn faint, clear and strong; and how wide, in pixels."""


def strip_figure(
    strip: Strip,
    attribution: NDArray[np.float64] | None = None,
    *,
    title: str = "",
    speaks_for: str = "",
    start: float = 0.0,
    width: int = 1000,
) -> go.Figure:
    """The recording on paper.

    25 mm a second and 10 mm a millivolt, lines every millimetre and every five, squares square at any zoom.

    Twelve leads stand in three rows of four, each for a quarter of the time, over a rhythm strip; other recordings have
    a row a lead (see ``medkd.app.figures.sheet``). Each lead is drawn about its own median, as its zero is arbitrary.

    Args:
        strip: what is drawn.
        attribution: "seen_lead time" on the recording's own samples (``medkd.app.figures.attribution.along``), as a
            band behind the trace.
        title: of the attribution: what it is and how it was found.
        speaks_for: the class that a positive value speaks for.
        start: the second that a long recording is shown from.
        width: pixels that the figure is meant for; the height follows, as millimetres are as wide as high.
    """
    page = sheet_of(strip, start)
    figure = go.Figure(layout=_layout(strip, page, width, lines=1 if attribution is None else 2))
    if attribution is not None and np.abs(attribution).max(initial=0.0) > 0:
        _bands(figure, strip, page, attribution)
    _traces(figure, strip, page)
    _frame(figure, strip, page)
    _words(figure, strip, page, "" if attribution is None else attribution_words(title, speaks_for))
    return figure


def describe_strip(strip: Strip) -> str:
    """One line for those who do not see the figure.

    >>> describe_strip(Strip("ecg", ("I", "II"), np.zeros((2, 1000)), 100.0, ("I",)))
    'ecg: 2 leads (I, II), 10 s at 100 Hz, in mV; the student saw I'
    """
    leads = f"{len(strip.leads)} lead{'s' if len(strip.leads) != 1 else ''} ({', '.join(strip.leads)})"
    return f"{strip.modality}: {leads}, {strip.seconds:.4g} s at {strip.rate:g} Hz, in {strip.unit}; the student saw {_seen(strip)}"


def _seen(strip: Strip) -> str:
    leads = "all leads" if len(strip.seen) == len(strip.leads) > 1 else ", ".join(strip.seen) or "nothing of it"
    if strip.averaged and strip.stretches:
        return f"the median of {len(strip.stretches)} beats of {leads}"
    whole = _merged(strip.stretches)
    if len(whole) == 1 and (whole[0][0] > 0 or whole[0][1] < strip.seconds):
        return f"{leads}, seconds {whole[0][0]:.3g} to {min(whole[0][1], strip.seconds):.3g}"
    return leads


def _layout(strip: Strip, page: Sheet, width: int, lines: int) -> dict[str, Any]:
    left, right = page.left, page.right
    height_mm, width_mm = (page.top - page.bottom) * _MM_A_MILLIVOLT, (right - left) * _MM_A_SECOND
    axis = {
        "zeroline": False,
        "showticklabels": False,
        "ticks": "",
        "gridcolor": _BOLD,
        "gridwidth": 1,
        "tick0": 0,
        "constrain": "domain",
    }
    minor = {"showgrid": True, "gridcolor": _FINE, "gridwidth": 1, "tick0": 0}
    above, below = 12 + 18 * lines, 8
    return layout(
        height=round((width - 16) * height_mm / width_mm) + above + below,
        margin={"l": 8, "r": 8, "t": above, "b": below},
        plot_bgcolor=_SHEET,
        hovermode="closest",
        dragmode="zoom",
        meta={"description": describe_strip(strip)},
        xaxis={
            **axis,
            "range": [left, right],
            "minallowed": left,
            "maxallowed": right,
            "dtick": 0.2,
            "minor": {**minor, "dtick": 0.04},
        },
        yaxis={
            **axis,
            "range": [page.bottom, page.top],
            "minallowed": page.bottom,
            "maxallowed": page.top,
            "dtick": 0.5,
            "minor": {**minor, "dtick": 0.1},
            # 10 mm a millivolt beside 25 mm a second.
            "scaleanchor": "x",
            "scaleratio": _MM_A_MILLIVOLT / _MM_A_SECOND,
        },
    )


def _traces(figure: go.Figure, strip: Strip, page: Sheet) -> None:
    for panel in page.panels:
        name = strip.leads[panel.lead]
        times, values = _piece(strip, panel)
        figure.add_scatter(
            x=(times - panel.shift).astype(np.float32),
            y=(values - page.medians[panel.lead] + panel.baseline).astype(np.float32),
            customdata=np.stack([times, values], axis=1).astype(np.float32),
            mode="lines",
            line={"color": INK, "width": 1.3, "simplify": True},
            name=escape(name),
            hovertemplate=f"<b>{escape(name)}</b> %{{customdata[0]:.2f}} s, %{{customdata[1]:.2f}} {escape(strip.unit)}<extra></extra>",
        )


def _bands(figure: go.Figure, strip: Strip, page: Sheet, attribution: NDArray[np.float64]) -> None:
    """A coloured band behind the trace wherever the attribution is strong: a trace a colour, not a point a colour."""
    edges = [*(share * float(np.abs(attribution).max()) for share in _SHARES), np.inf]
    seen = [panel for panel in page.panels if strip.leads[panel.lead] in strip.seen]
    for sign, colours in ((1, FOR), (-1, AGAINST)):
        for level, colour in enumerate(colours):
            xs: list[float] = []
            ys: list[float] = []
            for panel in seen:
                times, values = _piece(strip, panel)
                first = round(panel.start * strip.rate)
                strength = sign * attribution[strip.seen.index(strip.leads[panel.lead]), first : first + len(times)]
                inside = (strength >= edges[level]) & (strength < edges[level + 1])
                # One more point at each end, so that bands of neighbouring strengths meet.
                inside[1:] |= inside[:-1]
                xs += [*(times - panel.shift).tolist(), np.nan]
                ys += [*np.where(inside, values - page.medians[panel.lead] + panel.baseline, np.nan).tolist(), np.nan]
            kept = np.isfinite(ys) | np.isfinite(np.roll(ys, 1))
            width = _WIDTHS[level]
            figure.add_scatter(
                x=np.array(xs, np.float32)[kept],
                y=np.array(ys, np.float32)[kept],
                # Markers round the corners of the line.
                mode="lines+markers",
                line={"color": colour, "width": width},
                marker={"color": colour, "size": width, "line": {"width": 0}},
                hoverinfo="skip",
            )


def _piece(strip: Strip, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds of the recording, and values, of what a panel shows.

    One sample more, so that neighbours meet.
    """
    first, last = round(panel.start * strip.rate), round(panel.end * strip.rate) + 1
    values = strip.values[panel.lead, first:last]
    return (first + np.arange(len(values))) / strip.rate, values


def _frame(figure: go.Figure, strip: Strip, page: Sheet) -> None:
    """Calibration pulses, borders between leads, and the ground behind what the student saw."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for baseline in page.baselines:
        edge = page.left + 0.06
        for x, y in ((0, 0), (0.04, 0), (0.04, 1), (0.04 + _PULSE, 1), (0.04 + _PULSE, 0), (0.08 + _PULSE, 0)):
            xs.append(edge + x)
            ys.append(baseline + y)
        xs.append(None)
        ys.append(None)
    figure.add_scatter(x=xs, y=ys, mode="lines", line={"color": INK, "width": 1.3}, hoverinfo="skip")
    marks = [(panel.start - panel.shift, panel.baseline) for panel in page.panels if panel.start - panel.shift > 0]
    figure.add_scatter(
        x=[x for place, _ in marks for x in (place, place, None)],
        y=[y for _, base in marks for y in (base - 0.35, base + 0.35, None)],
        mode="lines",
        line={"color": INK, "width": 1},
        hoverinfo="skip",
    )
    # Set at once, as the annotations are: each that is added by itself has Plotly look through all before it again.
    shapes: list[dict[str, Any]] = []
    for panel in page.panels:
        if strip.leads[panel.lead] not in strip.seen:
            continue
        for start, end in _merged(strip.stretches) or [(0.0, strip.seconds)]:
            left, right = max(start, panel.start), min(end, panel.end)
            if left < right:
                ends = {"x0": left - panel.shift, "x1": right - panel.shift, "y0": panel.floor, "y1": panel.ceiling}
                shapes.append(
                    {"type": "rect", **ends, "fillcolor": STUDENT_TINT, "line": {"width": 0}, "layer": "below"}
                )
    border = {
        "type": "rect",
        "x0": page.left,
        "x1": page.right,
        "y0": page.bottom,
        "y1": page.top,
        "line": {"color": _EDGE, "width": 1},
    }
    figure.update_layout(shapes=[*shapes, border])


def _merged(stretches: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches that meet or overlap as one.

    >>> _merged([(0.0, 1.0), (0.5, 2.0), (3.0, 4.0)])
    [(0.0, 2.0), (3.0, 4.0)]
    """
    found: list[tuple[float, float]] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _words(figure: go.Figure, strip: Strip, page: Sheet, colours: str) -> None:
    annotations: list[dict[str, Any]] = []
    for panel in page.panels:
        name = escape(strip.leads[panel.lead])
        seen = strip.leads[panel.lead] in strip.seen
        annotations.append(
            {
                "x": panel.start - panel.shift + 0.03,
                "y": panel.ceiling,
                "text": f"<b>{name} ●</b>" if seen else name,
                "font": {"size": 15 if seen else 14, "color": STUDENT if seen else INK},
                "bgcolor": "rgba(255, 248, 246, 0.75)",
                "borderpad": 1,
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
            }
        )
    shown = (
        f"seconds {page.start:.3g} to {page.end:.3g} of {strip.seconds:.4g}, "
        if page.end - page.start < strip.seconds - 0.01
        else ""
    )
    mark = f"<span style='color:{STUDENT}'><b>● and tint: seen by the student ({escape(_seen(strip))})</b></span>"
    annotations.append(
        {
            "x": 0,
            "y": 1,
            "xref": "paper",
            "yref": "paper",
            "yshift": 4,
            "text": f"{shown}25 mm/s, 10 mm/mV   {mark}" + (f"<br>{colours}" if colours else ""),
            "align": "left",
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"size": 13, "color": QUIET},
        }
    )
    figure.update_layout(annotations=annotations)
