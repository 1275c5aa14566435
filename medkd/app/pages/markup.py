"""HTML of the pages: templates that escape every value, shown by a component that runs no script."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

if TYPE_CHECKING:
    import gradio as gr

TEMPLATES = Path(__file__).parent


def markup(template: str, **values: Any) -> str:
    """A template of this folder, filled; every value is escaped.

    The result is one line: to the component that shows it a blank line would end the HTML and begin Markdown.

    Args:
        template: name without ``.html.j2``.
        values: what it names.
    """
    return " ".join(_environment().get_template(f"{template}.html.j2").render(values).split())


def pane(html: str = "", **arguments: Any) -> gr.Markdown:
    """A component that shows ``html``.

    ``gr.Markdown`` and not ``gr.HTML``: the latter builds functions from text in the browser, so the whole viewer would
    have to be served with ``unsafe-eval``; the former also drops scripts and handlers, should any get past the
    templates.
    """
    import gradio as gr

    return gr.Markdown(html, sanitize_html=True, latex_delimiters=[], container=False, **arguments)


def figure(value: object, digits: int = 3) -> str:
    """A number as text.

    >>> figure(0.75826), figure(759), figure(None)
    ('0.758', '759', '-')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as text.

    >>> percent(0.4544), percent(None)
    ('45 %', '-')
    """
    return "-" if value is None else f"{value:.0%}".replace("%", " %")


def interval(found: Any) -> str:
    """A value with its interval.

    >>> interval({"value": 0.758, "low": 0.719, "high": 0.798}), interval(None)
    ('0.758 (0.719 to 0.798)', '-')
    """
    if not found or found.get("value") is None:
        return "-"
    text = figure(found["value"])
    return text if found.get("low") is None else f"{text} ({figure(found['low'])} to {figure(found['high'])})"


def lines(text: str) -> Markup:
    """Text as written, line by line.

    >>> print(lines("a<b" + chr(10) + "c"))
    a&lt;b<br>c
    """
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def span(seconds: float | None) -> str:
    """A time taken.

    >>> span(41.3), span(125), span(None)
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
    environment.filters |= {"figure": figure, "percent": percent, "interval": interval, "lines": lines, "span": span}
    return environment
