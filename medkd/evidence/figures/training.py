"""Training curves: the values logged during the fits."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_line
from medkd.evidence.figures.picture import Picture, legend_below

_PARTS = 50
"""Bins of steps over which a curve is pooled, because each fit logs at steps of its own."""
_FEW = 6


def training_figure(histories: Sequence[pl.DataFrame], across: int = 2, most: int = 4) -> Picture | None:
    """A chart for each logged quantity, validation first: the median over fits with the middle 80 %.

    None where nothing was logged.

    Args:
        histories: columns arm, seed, fold, step, name, value.
        across: charts side by side; from three on the picture is as wide as the page.
        most: number of quantities to show.
    """
    known = [history.select("arm", "step", "name", "value") for history in histories if history.height]
    if not known:
        return None
    table = pl.concat(known, how="vertical_relaxed").filter(
        pl.col("arm").is_in(list(COLOURS)) & pl.col("value").is_finite()
    )
    names = sorted(table["name"].unique().to_list(), key=lambda name: ("val" not in name, name))[:most]
    if not names:
        return None

    down, across = ceil(len(names) / across), min(across, len(names))

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for number, (axes, name) in enumerate(zip(grid, names, strict=False)):
            _curves(axes, table.filter(pl.col("name") == name))
            axes.set_title(name if len(name) <= 26 else name[:24] + "…", fontsize=11)
            if number + across >= len(names):
                axes.set_xlabel("step")
        for axes in grid[len(names) :]:
            axes.remove()
        legend_below(figure, max(grid[: len(names)], key=lambda axes: len(axes.get_legend_handles_labels()[0])))

    size = (1000, 250) if across > 2 else (430, 350 if down > 1 else 260)
    return Picture(f"Training curves of {', '.join(names)}", *size, draw)


def _curves(axes: Axes, part: pl.DataFrame) -> None:
    middle = _middle(part)
    for arm in COLOURS:
        one = middle.filter(pl.col("arm") == arm)
        if one.height:
            steps, value, low, high = (one[name].to_numpy() for name in ("step", "value", "low", "high"))
            axes.fill_between(steps, low, high, color=arm_colour(arm), alpha=0.13, linewidth=0)
            # A short run may have logged once, and a line of one point is invisible.
            marker = "o" if len(steps) < _FEW else ""
            axes.plot(
                steps,
                value,
                arm_line(arm),
                color=arm_colour(arm),
                linewidth=1.7,
                marker=marker,
                markersize=5,
                label=arm,
            )
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _middle(part: pl.DataFrame) -> pl.DataFrame:
    """Median and middle 80 % over fits, by arm and bin of steps, in order."""
    last = part["step"].to_numpy().max()
    width = max(1.0, float(last) / _PARTS)
    pooled = part.with_columns((pl.col("step") / width).floor() * width).group_by("arm", "step")
    return pooled.agg(
        pl.col("value").median(),
        pl.col("value").quantile(0.1).alias("low"),
        pl.col("value").quantile(0.9).alias("high"),
    ).sort("arm", "step")
