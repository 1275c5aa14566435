"""What all figures share: fonts, colours, and how Plotly shows them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""Fonts of the reader's own machine: none is fetched."""
INK, QUIET, PAPER = "#14171a", "#5b6570", "#ffffff"
"""Text and curves; what stands back (5.9 to 1 on white); the page."""
STUDENT, STUDENT_TINT = "#0b4f8a", "rgba(60, 140, 230, 0.17)"
"""What the student sees, and the ground behind it."""
TEACHER, OUT_OF_FOLD = "#7a3e9d", "#00695c"
FOR, AGAINST = ("#fdb863", "#e66101", "#a33a00"), ("#92c5de", "#2f86c1", "#053061")
"""Attribution that speaks for a class and against it, faint to strong.

Orange and blue are told apart with any common colour blindness.
"""
DIVERGING = [
    [0.0, AGAINST[2]],
    [0.25, AGAINST[1]],
    [0.4, AGAINST[0]],
    [0.5, "#f4f4f4"],
    [0.6, FOR[0]],
    [0.75, FOR[1]],
    [1.0, FOR[2]],
]
"""The same as a scale from against to for."""
CONFIG: Mapping[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "responsive": True,
    "scrollZoom": False,
    "showTips": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
    "toImageButtonOptions": {"format": "png", "filename": "figure", "scale": 2},
}
"""For ``Plotly.newPlot``.

No logo, no button that sends the figure to Plotly's servers (there is one by default), and a downloaded picture
whose name says nothing of the patient."""


def layout(**own: Any) -> dict[str, Any]:
    """The layout that every figure starts from, with the figure's own fields."""
    shared: dict[str, Any] = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 13}},
        "autosize": True,
    }
    return shared | own


def attribution_words(title: str, speaks_for: str) -> str:
    """The line of a figure that says what the colours of an attribution mean.

    Plain text that is to be drawn is escaped here.
    """
    for_it, against_it = (
        f"<span style='color:{colours[-1]}'><b>■ {word}</b></span>"
        for colours, word in ((FOR, "for"), (AGAINST, "against"))
    )
    return f"{escape(title)}: {for_it} and {against_it} {escape(readable(speaks_for))}; the darker, the more"


def readable(name: str) -> str:
    """A name as a person writes it.

    >>> readable("heart_rate")
    'heart rate'
    """
    return name.replace("_", " ")
