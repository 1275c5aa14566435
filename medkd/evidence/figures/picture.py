"""From a drawing to a piece of the page.

SVG that needs neither script nor network, and is the same for the same report.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medkd.evidence.figures.appearance import REFERENCE, SETTINGS

MOST_CLASSES = 12
"""Of more classes, the first so many have pictures; the tables hold all."""
_NO_METADATA: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def picture(label: str, width: float, height: float, draw: Callable[[Figure], None]) -> Markup:
    """A figure of the page, named for those who cannot see it.

    Args:
        label: what the picture shows, in words; also the salt of its identifiers, which must differ within a page.
        width, height: pixels at full size; the page scales it.
        draw: puts axes and marks into an empty figure, without touching any global state of matplotlib.

    Raises:
        ValueError: from matplotlib, where what is drawn does not fit together.
    """
    file = io.StringIO()
    with style.context(["default", {**SETTINGS, "svg.hashsalt": label}]), warnings.catch_warnings():
        # A reader's browser has the signs that the font used for measuring lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(
            figsize=(width / 72, height / 72), layout="constrained"
        )  # An SVG's pixel is matplotlib's point.
        draw(figure)
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    written = file.getvalue()
    svg = re.sub(r"<[^<>]+>", lambda tag: _lean(tag[0]), written[written.index("<svg") :])
    return Markup('<figure role="img" aria-label="{}">{}</figure>').format(label, Markup(svg.strip()))  # noqa: S704


def legend_below(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """Under the axes, where it covers nothing whatever the data."""
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
    """Width and height in pixels.

    Two pictures stand in a row, of several classes three, so drawn smaller that words keep their size.
    """
    return (430, 350) if classes == 1 else (340, 310)


def _lean(tag: str) -> str:
    """A tag without what the page does not need.

    Names of groups, which would repeat, fixed size, and thousandths of a pixel.
    """
    if tag.startswith("<g id="):
        return re.sub(r'^<g id="[^"]*"', "<g", tag)
    if tag.startswith("<svg"):
        return re.sub(r' (width|height)="[^"]*"', "", tag)
    return re.sub(r"(\.\d\d)\d+", r"\1", tag)
