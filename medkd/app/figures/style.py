"""Style of all figures: fonts, colours, base layout and Plotly's settings."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""Fonts of the reader's own machine: none is downloaded."""
INK, MUTED, PAPER = "#14171a", "#5b6570", "#ffffff"
"""Text and curves; secondary text (contrast 5.9 to 1 on white); the page."""
STUDENT, STUDENT_TINT = "#0b4f8a", "rgba(60, 140, 230, 0.17)"
"""Marks of what the student sees, and the tint behind it."""
TEACHER, OUT_OF_FOLD = "#7a3e9d", "#00695c"
POSITIVE, NEGATIVE = ("#fdb863", "#e66101", "#a33a00"), ("#92c5de", "#2f86c1", "#053061")
"""Attribution for a class and against it, faint to strong: colours that colour-blind readers can distinguish."""
DIVERGING = [
    [0.0, NEGATIVE[2]],
    [0.25, NEGATIVE[1]],
    [0.4, NEGATIVE[0]],
    [0.5, "#f4f4f4"],
    [0.6, POSITIVE[0]],
    [0.75, POSITIVE[1]],
    [1.0, POSITIVE[2]],
]
"""The same as a colour scale from negative to positive."""
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
"""For ``Plotly.newPlot``: no logo, no button that sends the figure to Plotly's servers (there is one by default).

The file name of a downloaded picture does not reveal the patient.
"""


def layout(**fields: Any) -> dict[str, Any]:
    """The base layout of every figure, with the figure's own ``fields``."""
    base: dict[str, Any] = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 13}},
        "autosize": True,
    }
    return base | fields


def attribution_legend(title: str, class_name: str) -> str:
    """One line of HTML that explains the colours of an attribution; both arguments are escaped."""
    positive, negative = (
        f"<span style='color:{colours[-1]}'><b>■ {word}</b></span>"
        for colours, word in ((POSITIVE, "for"), (NEGATIVE, "against"))
    )
    return f"{escape(title)}: {positive} and {negative} {escape(readable(class_name))}; the darker, the more"


def readable(name: str) -> str:
    """A name with spaces in place of underscores.

    >>> readable("heart_rate")
    'heart rate'
    """
    return name.replace("_", " ")
