"""A prepared array, as it is: for modalities that have no picture of their own."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from medkd.app.figures.palette import DIVERGING, QUIET, layout, readable
from medkd.data.core.display import Plain

_MOST_CELLS = 500_000


def plain_figure(plain: Plain) -> go.Figure:
    """Channels below each other, positions to the right, in deviations from the training mean.

    What was not observed stays empty.

    Of more than two axes those after the first are laid flat; of more than 500,000 values every second, third, ... is
    shown.
    """
    values = plain.values.reshape(len(plain.values), -1)
    stride = -(-values.size // _MOST_CELLS)
    extent = float(np.nanpercentile(np.abs(values), 99)) if np.isfinite(values).any() else 1.0
    figure = go.Figure(
        layout=layout(
            height=300, margin={"l": 50, "r": 8, "t": 34, "b": 40}, meta={"description": describe_plain(plain)}
        )
    )
    figure.add_heatmap(
        z=values[:, ::stride].astype(np.float32), dx=stride, colorscale=DIVERGING, zmid=0, zmin=-extent or -1.0, zmax=extent or 1.0,
        colorbar={"title": {"text": "deviations"}, "thickness": 10},
    )  # fmt: skip
    figure.update_xaxes(title={"text": "position"})
    figure.update_yaxes(title={"text": "channel"}, autorange="reversed")
    figure.update_layout(
        title={"text": f"{readable(plain.modality)}, as prepared for the student", "font": {"size": 14, "color": QUIET}}
    )
    return figure


def describe_plain(plain: Plain) -> str:
    """One line for those who do not see the figure.

    >>> describe_plain(Plain("codes", np.zeros((20,), np.float32)))
    'codes: the prepared array of 20 values, of which 20 were observed'
    """
    shape = " by ".join(map(str, plain.values.shape))
    return f"{plain.modality}: the prepared array of {shape} values, of which {int(np.isfinite(plain.values).sum())} were observed"
