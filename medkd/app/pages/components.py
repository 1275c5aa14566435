"""Gradio components of the pages: HTML panes, Plotly figures, and the settings of event handlers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from medkd.app.figures.style import CONFIG

if TYPE_CHECKING:
    import gradio as gr
    import plotly.graph_objects as go
    from gradio.components.plot import PlotData

Updates = dict[Any, Any]
"""Component → its new value; components that are not named keep theirs."""
HANDLER: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "always_last",
}
"""Handlers answer in the request itself: no open connection per reader is needed, and none is a public API."""


def pane(html: str = "", **arguments: Any) -> gr.Markdown:
    """A component that shows ``html``.

    ``gr.Markdown`` and not ``gr.HTML``: the latter builds functions from text in the browser, so the whole viewer would
    have to be served with ``unsafe-eval``; the former also drops scripts and handlers, should any get past the
    templates.
    """
    import gradio as gr

    return gr.Markdown(html, sanitize_html=True, latex_delimiters=[], container=False, **arguments)


def plot_data(figure: go.Figure) -> PlotData:
    """The value of a ``gr.Plot``, with Plotly's settings, which ``gr.Plot`` does not take from a figure."""
    from gradio.components.plot import PlotData

    config = json.dumps(dict(CONFIG), separators=(",", ":"))
    return PlotData(type="plotly", plot=figure.to_json().rstrip()[:-1] + f',"config":{config}}}')


def width_of(request: gr.Request) -> int:
    """Width of the browser's window in pixels, from the cookie that ``keys.js`` sets; 1366 if it is invalid."""
    cookie = request.cookies.get("width", "")
    return min(max(int(cookie), 800), 4000) if cookie.isascii() and cookie.isdigit() and len(cookie) < 6 else 1366
