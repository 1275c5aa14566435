"""The figure that suits a display."""

from __future__ import annotations

import plotly.graph_objects as go

from medkd.app.figures.attribution import Attribution, overlay
from medkd.app.figures.plain import describe_plain, plain_figure
from medkd.app.figures.strip import describe_strip, strip_figure
from medkd.app.figures.trend import describe_trend, trend_figure
from medkd.data.core.display import Display, Passage, Plain, Strip


def figure_of(
    display: Display, attribution: Attribution | None = None, *, start: float = 0.0, width: int = 1000
) -> go.Figure | None:
    """Its figure; None of a passage, which is read and not drawn.

    Args:
        display: what is shown.
        attribution: of the sample; its share of this modality is laid over the figure.
        start: the second that a long recording is shown from.
        width: pixels that it is meant for.
    """
    if isinstance(display, Passage):
        return None
    if isinstance(display, Plain):
        return plain_figure(display)
    over = overlay(attribution, display) if attribution else None
    title, speaks_for = (attribution.title, attribution.class_name) if attribution else ("", "")
    if isinstance(display, Strip):
        return strip_figure(display, over, title=title, speaks_for=speaks_for, start=start, width=width)
    return trend_figure(display, over, title=title, speaks_for=speaks_for, width=width)


def describe(display: Display) -> str:
    """One line for those who do not see it.

    >>> describe(Passage("notes", (1.0, 2.0), ("stable", "better"), (0.0, 24.0)))
    'notes: 2 texts'
    """
    if isinstance(display, Passage):
        return f"{display.modality}: {len(display.texts)} texts"
    if isinstance(display, Plain):
        return describe_plain(display)
    return describe_strip(display) if isinstance(display, Strip) else describe_trend(display)
