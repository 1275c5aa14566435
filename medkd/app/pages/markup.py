"""HTML of the pages: Jinja templates that escape every value, and their number formats."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).with_name("templates")


def markup(template: str, **values: Any) -> str:
    """A rendered template; every value is escaped.

    The result is one line: for ``pane`` a blank line would end the HTML and begin Markdown.

    Args:
        template: name in ``templates`` without ``.html.j2``.
    """
    return " ".join(_environment().get_template(f"{template}.html.j2").render(values).split())


def figure(value: object, digits: int = 3) -> str:
    """A number as text, a float with ``digits`` decimals; "-" for None.

    >>> figure(0.75826), figure(759), figure(None)
    ('0.758', '759', '-')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A fraction as a percentage; "-" for None.

    >>> percent(0.4544), percent(None)
    ('45 %', '-')
    """
    return "-" if value is None else f"{value:.0%}".replace("%", " %")


def interval(estimate: Any) -> str:
    """A value with its interval; "-" without a value.

    >>> interval({"value": 0.758, "low": 0.719, "high": 0.798}), interval(None)
    ('0.758 (0.719 to 0.798)', '-')
    """
    if not estimate or estimate.get("value") is None:
        return "-"
    text = figure(estimate["value"])
    low, high = estimate.get("low"), estimate.get("high")
    return text if low is None else f"{text} ({figure(low)} to {figure(high)})"


def lines(text: str) -> Markup:
    """Escaped text with its line breaks.

    >>> print(lines("a<b" + chr(10) + "c"))
    a&lt;b<br>c
    """
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def duration(seconds: float | None) -> str:
    """A duration in minutes and seconds; "-" for None.

    >>> duration(41.3), duration(125), duration(None)
    ('41 s', '2 min 05 s', '-')
    """
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "figure": figure,
        "percent": percent,
        "interval": interval,
        "lines": lines,
        "duration": duration,
    }
    return environment
