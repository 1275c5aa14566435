"""A forest plot: differences and values with their intervals, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from markupsafe import Markup

from medkd.evidence.chart import FAINT, GRID, INK, canvas, line, round_ticks, text, to_markup

Interval = Mapping[str, float | None]
_ROW = 27
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        label: what it is.
        values: an interval for each panel; None leaves it empty.
        colour: of marks.
        strong: set in bold, with a larger mark.
        heading: no values, but the title of what follows.
        note: said in place of values.
        dots: small marks in the first panel, such as one a seed.
    """

    label: str
    values: Sequence[Interval | None] = ()
    colour: str = INK
    strong: bool = False
    heading: bool = False
    note: str = ""
    dots: Sequence[float] = field(default_factory=tuple)


@dataclass(frozen=True)
class Panel:
    """One column of intervals: its title, and whether it is of differences, around a line at zero."""

    title: str
    difference: bool = True


def forest(title: str, rows: Sequence[Row], panels: Sequence[Panel], width: int = 1000, label_width: int = 320) -> Markup:
    """Rows by panels, values written beside the marks; intervals are drawn to one scale a panel.

    Args:
        title: for screen readers.
        rows: from top to bottom.
        panels: from left to right.
        width: pixels at full size.
        label_width: pixels for the rows' names.
    """
    top, bottom = 34, 30
    height = top + _ROW * len(rows) + bottom
    svg = canvas(width, height, title)
    for number, row in enumerate(rows):
        y = top + _ROW * (number + 0.5)
        if row.heading:
            text(svg, 0, y + 5, row.label, weight="600", size=13.5, colour=FAINT)
            continue
        text(svg, 14, y + 4, row.label, weight="600" if row.strong else "400", size=13.5)
        if row.note:
            text(svg, label_width, y + 4, row.note, colour=FAINT)
    step = (width - label_width) / len(panels)
    for number, panel in enumerate(panels):
        left = label_width + number * step
        _panel(svg, panel, rows, number, (left, left + step - 198), (top, height - bottom))
    return to_markup(svg)


def written(interval: Interval | None, *, signed: bool) -> str:
    """An interval in words.

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


def _panel(
    svg: ElementTree.Element, panel: Panel, rows: Sequence[Row], number: int, across: tuple[float, float], down: tuple[float, float]
) -> None:
    shown = [(place, row, row.values[number]) for place, row in enumerate(rows) if number < len(row.values) and not row.note]
    values = [interval[key] for _, _, interval in shown if interval for key in ("value", "low", "high")]
    ends = [value for value in values if value is not None]
    ends += [dot for _, row, _ in shown if number == 0 for dot in row.dots] + ([0.0] if panel.difference else [])
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    pad = max(0.06 * (high - low), 0.004)
    low, high = low - pad, high + pad

    def px(value: float) -> float:
        return across[0] + (value - low) / (high - low) * (across[1] - across[0])

    text(svg, across[0], 16, panel.title, weight="600", size=13)
    for tick in round_ticks(low, high, about=max(2, int((across[1] - across[0]) / 60))):
        line(svg, px(tick), down[0], px(tick), down[1], GRID)
        text(svg, px(tick), down[1] + 18, f"{tick:g}".replace("-", _MINUS), anchor="middle", colour=FAINT)
    if panel.difference:
        line(svg, px(0.0), down[0] - 4, px(0.0), down[1], "#475569", width=1.4)
    for place, row, interval in shown:
        y = down[0] + _ROW * (place + 0.5)
        if interval is not None and interval["value"] is not None:
            line(svg, px(interval["low"] or 0.0), y, px(interval["high"] or 0.0), y, row.colour, width=3.4 if row.strong else 2)
            side = 11.0 if row.strong else 8.0
            box = {"x": f"{px(interval['value']) - side / 2:.1f}", "y": f"{y - side / 2:.1f}", "width": f"{side:g}", "height": f"{side:g}"}
            mark = ElementTree.SubElement(svg, "rect", {**box, "fill": row.colour, "stroke": "white", "stroke-width": "1", "rx": "1.5"})
            ElementTree.SubElement(mark, "title").text = f"{row.label}: {written(interval, signed=panel.difference)}"
        for dot in row.dots if number == 0 else ():
            place_of = {"cx": f"{px(dot):.1f}", "cy": f"{y + 8.5:.1f}", "r": "2.2"}
            ElementTree.SubElement(svg, "circle", {**place_of, "fill": row.colour, "fill-opacity": "0.55"})
        words = written(interval, signed=panel.difference)
        text(svg, across[1] + 12, y + 4, words, size=12.5, weight="600" if row.strong else "400", colour=INK if interval else FAINT)
