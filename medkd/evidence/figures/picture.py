"""Pictures: a drawing as a matplotlib figure, or as SVG for a page that needs neither script nor network."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import REFERENCE, SETTINGS

MOST_CLASSES = 12
"""A target with more classes has pictures of the first so many; the tables hold all."""
_NO_METADATA: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Picture:
    """A drawing that is not yet drawn: a template shows it as SVG, a notebook as a figure.

    Args:
        label: the picture in words, for those who cannot see it; also the salt of the SVG's identifiers, which must
            differ within a page.
        width: pixels at full size; the page scales it.
        height: pixels at full size.
        draw: puts axes and marks into an empty figure, without touching any global state of matplotlib.

    >>> Picture("a line", 100, 50, lambda figure: figure.subplots().plot([0, 1])).figure().get_size_inches().round(2)
    array([1.39, 0.69])
    """

    label: str
    width: float
    height: float
    draw: Callable[[Figure], object]

    def figure(self) -> Figure:
        """A new matplotlib figure, apart from pyplot and the user's own settings."""
        with self._appearance():
            return self._drawn()

    def svg(self) -> Markup:
        """The picture as an HTML ``figure`` element; the same bytes for the same picture."""
        file = io.StringIO()
        with self._appearance():
            self._drawn().savefig(file, format="svg", metadata=_NO_METADATA)
        text = file.getvalue()
        svg = re.sub(r"<[^<>]+>", lambda tag: _lean(tag[0]), text[text.index("<svg") :])
        return Markup('<figure role="img" aria-label="{}">{}</figure>').format(
            self.label,
            Markup(svg.strip()),  # noqa: S704
        )

    def __html__(self) -> str:
        """For templates: a picture needs no escaping."""
        return self.svg()

    def _drawn(self) -> Figure:
        # An SVG's pixel is matplotlib's point.
        figure = Figure(figsize=(self.width / 72, self.height / 72), layout="constrained")
        self.draw(figure)
        return figure

    @contextmanager
    def _appearance(self) -> Iterator[None]:
        with style.context(["default", {**SETTINGS, "svg.hashsalt": self.label}]), warnings.catch_warnings():
            # A reader's browser has the glyphs that the font used for measuring lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            yield


def picture(label: str, width: float, height: float, draw: Callable[[Figure], object]) -> Markup:
    """A picture as SVG at once: see ``Picture`` for the arguments.

    Raises:
        ValueError: from matplotlib, where the parts of the drawing do not fit together.
    """
    return Picture(label, width, height, draw).svg()


def legend_below(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """A legend under the axes, where it covers no data."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=min(columns, len(names)))


def diagonal(axes: Axes) -> None:
    """Square axes from 0 to 1 with the line of equal values, which is chance or perfection."""
    axes.plot([0, 1], [0, 1], color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 4)))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))


def title_of(what: str, name: str, classes: int, most: int = 34) -> str:
    """A picture's title: the class is named where there are several, and cut where it is long.

    >>> title_of("ROC", "infarction", classes=5)
    'ROC: infarction'
    """
    short = name if len(name) <= most else name[: most - 2] + "…"
    return what if classes == 1 else f"{what}: {short}"


def size_of(classes: int) -> tuple[float, float]:
    """Width and height in pixels: two pictures in a row, or three smaller ones where there are several classes."""
    return (430, 350) if classes == 1 else (340, 310)


def _lean(tag: str) -> str:
    """A tag without group names, which would repeat, without fixed size, and without thousandths of a pixel."""
    if tag.startswith("<g id="):
        return re.sub(r'^<g id="[^"]*"', "<g", tag)
    if tag.startswith("<svg"):
        return re.sub(r' (width|height)="[^"]*"', "", tag)
    return re.sub(r"(\.\d\d)\d+", r"\1", tag)
