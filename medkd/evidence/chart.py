"""A line chart as inline SVG: a page of them is some 100 kB, needs neither script nor network, and prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

COLOURS = {"teacher": "#7c3aed", "student": "#0369a1", "solo": "#d97706", "treat_all": "#94a3b8", "treat_none": "#94a3b8"}
"""Of arms; told apart by the colour-blind and in grey print. Every other arm is slate."""
OTHER = "#64748b"
INK, FAINT, GRID = "#1e293b", "#64748b", "#e8edf3"

Formatter = Callable[[float], str]


class Chart:
    """A plot with axes that lines, bands and points are added to.

    Args:
        title: above the plot.
        x, y: axis labels.
        x_range, y_range: ends of the axes, in data.
        width, height: pixels at full size; the page scales it.
        x_ticks, y_ticks: where to write numbers; round ones where None.
        x_format, y_format: how.
    """

    def __init__(
        self,
        title: str,
        x: str,
        y: str,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        width: int = 500,
        height: int = 380,
        x_ticks: Sequence[float] | None = None,
        y_ticks: Sequence[float] | None = None,
        x_format: Formatter = "{:g}".format,
        y_format: Formatter = "{:g}".format,
    ) -> None:
        self.x_range, self.y_range, self.width, self.height = x_range, y_range, width, height
        self.left, self.right, self.top, self.bottom = 62, 16, 64, 50
        self.svg = canvas(width, height, title)
        self._legend = float(self.left)
        text(self.svg, self.left, 20, title, size=15, weight="600")
        for at in round_ticks(*x_range) if x_ticks is None else x_ticks:
            px = self._px(at)
            line(self.svg, px, self.top, px, height - self.bottom, GRID)
            text(self.svg, px, height - self.bottom + 18, x_format(at), anchor="middle", colour=FAINT)
        for at in round_ticks(*y_range) if y_ticks is None else y_ticks:
            py = self._py(at)
            line(self.svg, self.left, py, width - self.right, py, GRID)
            text(self.svg, self.left - 8, py + 4, y_format(at), anchor="end", colour=FAINT)
        line(self.svg, self.left, height - self.bottom, width - self.right, height - self.bottom, "#94a3b8")
        text(self.svg, (self.left + width - self.right) / 2, height - 10, x, anchor="middle", colour=FAINT)
        middle = (self.top + height - self.bottom) / 2
        text(self.svg, 15, middle, y, anchor="middle", colour=FAINT, turn=True)
        # A picture within the picture, because it clips what leaves the axes without an id that another chart could share.
        box = (self.left - 2, self.top - 2, width - self.left - self.right + 4, height - self.top - self.bottom + 4)
        place = dict(zip(("x", "y", "width", "height"), map(str, box), strict=True))
        self.plot = ElementTree.SubElement(self.svg, "svg", {**place, "viewBox": " ".join(map(str, box))})

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, *, width: float = 2.2, dash: str = "", name: str = "") -> None:
        """A line through the points; a name puts it into the legend."""
        points = " ".join(f"{self._px(x):.1f},{self._py(y):.1f}" for x, y in zip(xs, ys, strict=True))
        style = {"fill": "none", "stroke": colour, "stroke-width": f"{width:g}", "stroke-linejoin": "round", "stroke-linecap": "round"}
        if dash:
            style["stroke-dasharray"] = dash
        ElementTree.SubElement(self.plot, "polyline", {"points": points, **style})
        if name:
            self._name(name, colour, dash)

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], colour: str) -> None:
        """The area between two lines."""
        edge = [*zip(xs, lows, strict=True), *reversed(list(zip(xs, highs, strict=True)))]
        points = " ".join(f"{self._px(x):.1f},{self._py(y):.1f}" for x, y in edge)
        ElementTree.SubElement(self.plot, "polygon", {"points": points, "fill": colour, "fill-opacity": "0.13"})

    def whisker(self, x: float, low: float, high: float, colour: str) -> None:
        """A vertical interval."""
        px = self._px(x)
        line(self.svg, px, self._py(low), px, self._py(high), colour, width=1.6)

    def point(self, x: float, y: float, colour: str, tip: str) -> None:
        """A dot that says ``tip`` when pointed at."""
        place = {"cx": f"{self._px(x):.1f}", "cy": f"{self._py(y):.1f}", "r": "4"}
        dot = ElementTree.SubElement(self.svg, "circle", {**place, "fill": colour, "stroke": "white", "stroke-width": "1"})
        ElementTree.SubElement(dot, "title").text = tip

    def bars(self, counts: Sequence[int], colour: str, share: float = 0.16) -> None:
        """A histogram over the x axis that fills the lowest ``share`` of the plot."""
        tallest, span = max([*counts, 1]), (self.x_range[1] - self.x_range[0]) / len(counts)
        for number, count in enumerate(counts):
            left, right = self._px(self.x_range[0] + number * span), self._px(self.x_range[0] + (number + 1) * span)
            height = (self.height - self.top - self.bottom) * share * count / tallest
            box = {"x": f"{left + 1:.1f}", "width": f"{right - left - 2:.1f}", "y": f"{self.height - self.bottom - height:.1f}"}
            ElementTree.SubElement(self.svg, "rect", {**box, "height": f"{height:.1f}", "fill": colour, "fill-opacity": "0.16"})

    def markup(self) -> Markup:
        """The SVG, every text escaped."""
        return to_markup(self.svg)

    def _name(self, name: str, colour: str, dash: str) -> None:
        line(self.svg, self._legend, 42, self._legend + 18, 42, colour, width=2.6, dash=dash)
        text(self.svg, self._legend + 23, 46, name, colour=INK)
        self._legend += 40 + 6.6 * len(name)

    def _px(self, x: float) -> float:
        share = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        return self.left + share * (self.width - self.left - self.right)

    def _py(self, y: float) -> float:
        share = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


def canvas(width: float, height: float, title: str) -> ElementTree.Element:
    """An empty picture with a title for screen readers."""
    svg = ElementTree.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "xmlns": "http://www.w3.org/2000/svg"})
    ElementTree.SubElement(svg, "title").text = title
    return svg


def line(parent: ElementTree.Element, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = "") -> None:
    """A straight line, in pixels."""
    place = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    style = {"stroke": colour, "stroke-width": f"{width:g}"} | ({"stroke-dasharray": dash} if dash else {})
    ElementTree.SubElement(parent, "line", {**place, **style})


def text(
    parent: ElementTree.Element,
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: float = 12.5,
    weight: str = "400",
    colour: str = INK,
    turn: bool = False,
) -> None:
    """Words at a place, in pixels; ``turn`` writes them upwards."""
    style = {"text-anchor": anchor, "font-size": f"{size:g}", "font-weight": weight, "fill": colour}
    place = {"transform": f"translate({x:.1f} {y:.1f}) rotate(-90)"} if turn else {"x": f"{x:.1f}", "y": f"{y:.1f}"}
    ElementTree.SubElement(parent, "text", {**place, **style}).text = words


def to_markup(svg: ElementTree.Element) -> Markup:
    """Safe to put into a page: ElementTree escapes every text and attribute."""
    return Markup(ElementTree.tostring(svg, encoding="unicode"))  # noqa: S704


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between two ends.

    >>> round_ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = max(high - low, 1e-12) / about
    step = 10 ** np.floor(np.log10(span))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if step * factor >= span * 0.999)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(float(number * step), 10) for number in range(first, last + 1)]
