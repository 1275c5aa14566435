"""The appearance of all pictures: one colour and one line style per arm, wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLOURS = {"teacher": "#7c3aed", "student": "#0369a1", "baseline": "#d97706"}
"""Of arms; distinguishable by the colour-blind, and in grey print by their line styles."""
HERE, RECALIBRATED, DEVELOPMENT = "these patients", "recalibrated", "at development"
"""Arms of an external validation: a bundle as it is, after recalibration, and as its own report has it."""
_OUTSIDE = {HERE: COLOURS["student"], RECALIBRATED: "#c2410c"}
OTHER = "#64748b"
"""Of every other arm."""
INK, FAINT, GRID, REFERENCE = "#1e293b", "#64748b", "#e8edf3", "#94a3b8"
LINES = {"teacher": "--", "student": "-", "baseline": ":", HERE: "-", RECALIBRATED: "--"}
OTHER_LINE = "-."
NAMES = {
    "teacher": "teacher",
    "student": "student",
    "baseline": "baseline (no teacher)",
    "self_teacher": "student of a self-teacher",
    "label_only_teacher": "student of a label-only teacher",
    "shuffled_teacher": "student of a shuffled teacher",
}
SETTINGS: Mapping[str, Any] = {
    # Text stays text: it can be searched and read aloud, and no class name is parsed as a formula.
    "svg.fonttype": "none",
    "text.parse_math": False,
    # The widest font that a reader may have: text that fits in it fits in the page's own.
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 11,
    "axes.edgecolor": REFERENCE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 1,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.4,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
}
"""Over matplotlib's own defaults, whatever a user's matplotlibrc says."""


def arm_name(arm: str) -> str:
    """An arm as a reader should see it.

    >>> arm_name("self_teacher")
    'student of a self-teacher'
    """
    return NAMES.get(arm, arm.replace("_", " "))


def arm_colour(arm: str) -> str:
    """An arm's colour, "#rrggbb".

    >>> arm_colour("student")
    '#0369a1'
    """
    return (COLOURS | _OUTSIDE).get(arm, OTHER)


def arm_line(arm: str) -> str:
    """An arm's line style, as matplotlib writes it.

    >>> arm_line("teacher")
    '--'
    """
    return LINES.get(arm, OTHER_LINE)
