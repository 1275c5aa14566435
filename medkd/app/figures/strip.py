"""Waveform figure: leads on millimetre paper, 25 mm/s and 10 mm/mV, as an ECG is printed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from medkd.app.figures.paper_layout import Panel, PaperLayout, paper_layout
from medkd.app.figures.style import INK, MUTED, NEGATIVE, POSITIVE, STUDENT, STUDENT_TINT, attribution_legend, layout
from medkd.data.core.display import Strip

_MM_PER_SECOND, _MM_PER_MILLIVOLT = 25, 10
_SHEET, _FINE, _BOLD, _EDGE = "#fff8f6", "#f8dcd8", "#eba9a2", "#d98a82"
_PULSE = 0.2
_FRACTIONS, _WIDTHS = (0.08, 0.3, 0.6), (5, 7, 9)
"""Fractions of the strongest attribution from which a band is faint, clear and strong; and its widths in pixels."""


def strip_figure(
    strip: Strip,
    attribution: NDArray[np.float64] | None = None,
    *,
    title: str = "",
    class_name: str = "",
    start: float = 0.0,
    width: int = 1000,
) -> go.Figure:
    """A recording on paper, laid out by ``medkd.app.figures.paper_layout``.

    Lines every millimetre and every five, squares that stay square at any zoom. Each lead is drawn about its own
    median, as its zero is arbitrary.

    Args:
        attribution: "seen_lead time" on the recording's own samples (``medkd.app.cases.attribution.along``); drawn as
            bands behind the traces.
        title: of the attribution: its method.
        class_name: the class that a positive value supports.
        start: the second from which a long recording is shown.
        width: pixels; it determines the height, as millimetres are as wide as high.
    """
    page = paper_layout(strip, start)
    figure = go.Figure(layout=_layout(strip, page, width, lines=1 if attribution is None else 2))
    if attribution is not None and np.abs(attribution).max(initial=0.0) > 0:
        _bands(figure, strip, page, attribution)
    _traces(figure, strip, page)
    _frame(figure, strip, page)
    _annotate(figure, strip, page, "" if attribution is None else attribution_legend(title, class_name))
    return figure


def describe_strip(strip: Strip) -> str:
    """One line for those who do not see the figure.

    >>> describe_strip(Strip("ecg", ("I", "II"), np.zeros((2, 1000)), 100.0, ("I",)))
    'ecg: 2 leads (I, II), 10 s at 100 Hz, in mV; the student saw I'
    """
    leads = f"{len(strip.leads)} lead{'s' if len(strip.leads) != 1 else ''} ({', '.join(strip.leads)})"
    recording = f"{leads}, {strip.seconds:.4g} s at {strip.rate:g} Hz, in {strip.unit}"
    return f"{strip.modality}: {recording}; the student saw {_seen(strip)}"


def _seen(strip: Strip) -> str:
    leads = "all leads" if len(strip.seen) == len(strip.leads) > 1 else ", ".join(strip.seen) or "nothing of it"
    if strip.averaged and strip.stretches:
        return f"the median of {len(strip.stretches)} beats of {leads}"
    stretches = _merged(strip.stretches)
    if len(stretches) == 1 and (stretches[0][0] > 0 or stretches[0][1] < strip.seconds):
        return f"{leads}, seconds {stretches[0][0]:.3g} to {min(stretches[0][1], strip.seconds):.3g}"
    return leads


def _layout(strip: Strip, page: PaperLayout, width: int, lines: int) -> dict[str, Any]:
    left, right = page.left, page.right
    height_mm, width_mm = (page.top - page.bottom) * _MM_PER_MILLIVOLT, (right - left) * _MM_PER_SECOND
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
            # 10 mm per millivolt beside 25 mm per second.
            "scaleanchor": "x",
            "scaleratio": _MM_PER_MILLIVOLT / _MM_PER_SECOND,
        },
    )


def _traces(figure: go.Figure, strip: Strip, page: PaperLayout) -> None:
    for panel in page.panels:
        name, unit = escape(strip.leads[panel.lead]), escape(strip.unit)
        times, values = _segment(strip, panel)
        figure.add_scatter(
            x=(times - panel.shift).astype(np.float32),
            y=(values - page.medians[panel.lead] + panel.baseline).astype(np.float32),
            customdata=np.stack([times, values], axis=1).astype(np.float32),
            mode="lines",
            line={"color": INK, "width": 1.3, "simplify": True},
            name=name,
            hovertemplate=f"<b>{name}</b> %{{customdata[0]:.2f}} s, %{{customdata[1]:.2f}} {unit}<extra></extra>",
        )


def _bands(figure: go.Figure, strip: Strip, page: PaperLayout, attribution: NDArray[np.float64]) -> None:
    """Coloured bands behind the traces where the attribution is strong, one Plotly trace per colour."""
    edges = [*(fraction * float(np.abs(attribution).max()) for fraction in _FRACTIONS), np.inf]
    seen = [panel for panel in page.panels if strip.leads[panel.lead] in strip.seen]
    for sign, colours in ((1, POSITIVE), (-1, NEGATIVE)):
        for level, colour in enumerate(colours):
            xs: list[float] = []
            ys: list[float] = []
            for panel in seen:
                times, values = _segment(strip, panel)
                first = round(panel.start * strip.rate)
                strength = sign * attribution[strip.seen.index(strip.leads[panel.lead]), first : first + len(times)]
                inside = (strength >= edges[level]) & (strength < edges[level + 1])
                # One more point at each end, so that bands of neighbouring strengths meet.
                inside[1:] |= inside[:-1]
                xs += [*(times - panel.shift).tolist(), np.nan]
                ys += [*np.where(inside, values - page.medians[panel.lead] + panel.baseline, np.nan).tolist(), np.nan]
            is_drawn = np.isfinite(ys) | np.isfinite(np.roll(ys, 1))
            width = _WIDTHS[level]
            figure.add_scatter(
                x=np.array(xs, np.float32)[is_drawn],
                y=np.array(ys, np.float32)[is_drawn],
                # Markers make the corners of the line round.
                mode="lines+markers",
                line={"color": colour, "width": width},
                marker={"color": colour, "size": width, "line": {"width": 0}},
                hoverinfo="skip",
            )


def _segment(strip: Strip, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds of the recording, and values, of a panel; with one more sample, so that neighbours meet."""
    first, last = round(panel.start * strip.rate), round(panel.end * strip.rate) + 1
    values = strip.values[panel.lead, first:last]
    return (first + np.arange(len(values))) / strip.rate, values


def _frame(figure: go.Figure, strip: Strip, page: PaperLayout) -> None:
    """Calibration pulses, borders between leads, and the tint behind what the student saw."""
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
        x=[x for left, _ in marks for x in (left, left, None)],
        y=[y for _, base in marks for y in (base - 0.35, base + 0.35, None)],
        mode="lines",
        line={"color": INK, "width": 1},
        hoverinfo="skip",
    )
    # Set at once, as the annotations are: Plotly validates all earlier shapes again for each one that is added.
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
    """Intervals, with those that meet or overlap joined.

    >>> _merged([(0.0, 1.0), (0.5, 2.0), (3.0, 4.0)])
    [(0.0, 2.0), (3.0, 4.0)]
    """
    joined: list[tuple[float, float]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _annotate(figure: go.Figure, strip: Strip, page: PaperLayout, legend: str) -> None:
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
            "text": f"{shown}25 mm/s, 10 mm/mV   {mark}" + (f"<br>{legend}" if legend else ""),
            "align": "left",
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"size": 13, "color": MUTED},
        }
    )
    figure.update_layout(annotations=annotations)
