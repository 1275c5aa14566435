"""Figure of a display: the one of its kind, or a heat map of the prepared array where a modality has none."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from medkd.app.cases.attribution import Attribution, overlay
from medkd.app.figures.strip import describe_strip, strip_figure
from medkd.app.figures.style import DIVERGING, MUTED, layout, readable
from medkd.app.figures.trend import describe_trend, trend_figure
from medkd.data.core.display import Display, Passage, Plain, Strip

_MAX_CELLS = 500_000


def display_figure(
    display: Display, attribution: Attribution | None = None, *, start: float = 0.0, width: int = 1000
) -> go.Figure | None:
    """The figure of a display; None of a passage, which is text.

    Args:
        attribution: of the sample; its part for this modality is laid over the figure.
        start: the second from which a long recording is shown.
        width: pixels.
    """
    if isinstance(display, Passage):
        return None
    if isinstance(display, Plain):
        return array_figure(display)
    values = overlay(attribution, display) if attribution else None
    title, class_name = (attribution.title, attribution.class_name) if attribution else ("", "")
    if isinstance(display, Strip):
        return strip_figure(display, values, title=title, class_name=class_name, start=start, width=width)
    return trend_figure(display, values, title=title, class_name=class_name, width=width)


def describe_display(display: Display) -> str:
    """One line for those who do not see the figure.

    >>> describe_display(Passage("notes", (1.0, 2.0), ("stable", "better"), (0.0, 24.0)))
    'notes: 2 texts'
    """
    if isinstance(display, Passage):
        return f"{display.modality}: {len(display.texts)} texts"
    if isinstance(display, Plain):
        return describe_array(display)
    return describe_strip(display) if isinstance(display, Strip) else describe_trend(display)


def array_figure(plain: Plain) -> go.Figure:
    """Heat map of a prepared array, "channel position", in deviations from the training mean.

    What was not observed stays empty. Axes after the second are flattened into positions; of more than 500,000 values
    every second, third, ... is shown.
    """
    values = plain.values.reshape(len(plain.values), -1)
    stride = -(-values.size // _MAX_CELLS)
    extent = float(np.nanpercentile(np.abs(values), 99)) if np.isfinite(values).any() else 1.0
    figure = go.Figure(
        layout=layout(
            height=300, margin={"l": 50, "r": 8, "t": 34, "b": 40}, meta={"description": describe_array(plain)}
        )
    )
    figure.add_heatmap(
        z=values[:, ::stride].astype(np.float32),
        dx=stride,
        colorscale=DIVERGING,
        zmid=0,
        zmin=-extent or -1.0,
        zmax=extent or 1.0,
        colorbar={"title": {"text": "deviations"}, "thickness": 10},
    )
    figure.update_xaxes(title={"text": "position"})
    figure.update_yaxes(title={"text": "channel"}, autorange="reversed")
    title = f"{readable(plain.modality)}, as prepared for the student"
    figure.update_layout(title={"text": title, "font": {"size": 14, "color": MUTED}})
    return figure


def describe_array(plain: Plain) -> str:
    """One line for those who do not see the figure.

    >>> describe_array(Plain("codes", np.zeros((20,), np.float32)))
    'codes: the prepared array of 20 values, of which 20 were observed'
    """
    shape = " by ".join(map(str, plain.values.shape))
    observed = int(np.isfinite(plain.values).sum())
    return f"{plain.modality}: the prepared array of {shape} values, of which {observed} were observed"
