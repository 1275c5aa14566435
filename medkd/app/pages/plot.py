"""Figures as the browser gets them."""

from __future__ import annotations

import json

import plotly.graph_objects as go
from gradio.components.plot import PlotData

from medkd.app.figures.palette import CONFIG


def plot_data(figure: go.Figure) -> PlotData:
    """With Plotly's settings, which ``gr.Plot`` does not pass on from a figure."""
    config = json.dumps(dict(CONFIG), separators=(",", ":"))
    return PlotData(type="plotly", plot=figure.to_json().rstrip()[:-1] + f',"config":{config}}}')
