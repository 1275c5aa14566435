"""Forest plot: differences and values with their intervals, one row each, numbers beside the marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from medkd.evidence.figures.appearance import FAINT, INK
from medkd.evidence.figures.picture import Picture

Interval = Mapping[str, float | None]
_ROW, _HEADING, _AXIS = 23, 27, 48
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        label: name of the row.
        values: an interval for each panel; None leaves it empty.
        colour: of its marks.
        strong: set in bold, with a larger mark.
        note: text in place of the values.
        dots: small marks in the first panel, such as one per seed.
    """

    label: str
    values: Sequence[Interval | None] = ()
    colour: str = INK
    strong: bool = False
    note: str = ""
    dots: Sequence[float] = field(default_factory=tuple)


@dataclass(frozen=True)
class Group:
    """Rows under one heading."""

    heading: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Panel:
    """One column of intervals: its axis label, and whether it shows differences, around a line at zero."""

    label: str
    difference: bool = True


def forest(title: str, groups: Sequence[Group], panels: Sequence[Panel], width: float = 500) -> Markup:
    """A forest plot as SVG at once: see ``forest_picture``."""
    return forest_picture(title, groups, panels, width).svg()


def forest_picture(title: str, groups: Sequence[Group], panels: Sequence[Panel], width: float = 500) -> Picture:
    """Groups of rows by panels; each panel has one scale.

    Args:
        title: for those who cannot see it; the rows' values follow it.
        groups: from top to bottom.
        panels: from left to right.
        width: pixels at full size.
    """
    described = [f"{row.label} {_described(row, panels)}" for group in groups for row in group.rows]
    height = _AXIS + sum(_HEADING * bool(group.heading) + _ROW * len(group.rows) for group in groups)

    def draw(figure: Figure) -> None:
        heights = [len(group.rows) for group in groups]
        grid = figure.subplots(
            len(groups), len(panels), sharex="col", squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        for across, group in zip(grid, groups, strict=True):
            for number, (axes, panel) in enumerate(zip(across, panels, strict=True)):
                _panel(axes, group, panel, number)
            _headed(figure, across[0], group.heading)
        for axes, panel in zip(grid[-1], panels, strict=True):
            axes.set_xlabel(panel.label)
            axes.xaxis.set_major_locator(MaxNLocator(4 if len(panels) == 1 else 5))

    return Picture(f"{title}. {'; '.join(described)}.", width, height, draw)


def written(interval: Interval | None, *, signed: bool) -> str:
    """An interval as text.

    >>> written({"value": 0.5, "low": 0.25, "high": 0.75}, signed=True)
    '+0.500 [+0.250, +0.750]'
    """
    if interval is None or interval["value"] is None:
        return "not defined"
    sign = "+" if signed else ""
    value, low, high = (
        f"{round(number or 0.0, 3) + 0.0:{sign}.3f}".replace("-", _MINUS)
        for number in (interval["value"], interval["low"], interval["high"])
    )
    return f"{value} [{low}, {high}]"


def _described(row: Row, panels: Sequence[Panel]) -> str:
    return row.note or ", ".join(
        written(value, signed=panel.difference) for value, panel in zip(row.values, panels, strict=True)
    )


def _panel(axes: Axes, group: Group, panel: Panel, number: int) -> None:
    beside = axes.get_yaxis_transform()
    axes.grid(visible=False, axis="y")
    if panel.difference:
        axes.axvline(0, color=INK, linewidth=1.2, alpha=0.7)
    for index, row in enumerate(group.rows):
        if row.note:
            axes.text(
                0.02,
                index,
                row.note if number == 0 else "",
                transform=beside,
                va="center_baseline",
                color=FAINT,
                fontsize=10,
                style="italic",
            )
            continue
        interval = row.values[number]
        weight = "bold" if row.strong else "normal"
        text = written(interval, signed=panel.difference)
        axes.text(
            1.03,
            index,
            text,
            transform=beside,
            va="center_baseline",
            fontsize=10.5,
            weight=weight,
            color=INK if interval else FAINT,
        )
        for dot in row.dots if number == 0 else ():
            axes.plot(dot, index + 0.33, "o", color=row.colour, alpha=0.5, markersize=3.2, markeredgewidth=0)
        if interval is not None and interval["value"] is not None:
            axes.hlines(
                index,
                interval["low"] or 0.0,
                interval["high"] or 0.0,
                color=row.colour,
                linewidth=3 if row.strong else 1.8,
            )
            axes.plot(
                interval["value"],
                index,
                "s",
                color=row.colour,
                markersize=9 if row.strong else 7,
                markeredgecolor="white",
            )
    axes.set_ylim(len(group.rows) - 0.5, -0.5)
    axes.set_yticks(
        range(len(group.rows)), [row.label for row in group.rows] if number == 0 else [""] * len(group.rows)
    )
    for tick, row in zip(axes.get_yticklabels(), group.rows, strict=True):
        tick.set(color=INK, fontweight="bold" if row.strong else "normal", fontsize=11)
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(axes.get_subplotspec().is_last_row())  # type: ignore[union-attr]


def _headed(figure: Figure, axes: Axes, heading: str) -> None:
    """A heading over the rows' names, at the picture's edge; the axes' empty title reserves its height."""
    if not heading:
        return
    axes.set_title(" ")
    coordinates = blended_transform_factory(figure.transFigure, axes.transAxes)
    text = axes.annotate(
        heading, (0.004, 1), xycoords=coordinates, xytext=(0, 8), textcoords="offset points", weight="bold", color=FAINT
    )
    text.set_in_layout(False)
