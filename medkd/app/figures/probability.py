"""Probability figure: each class on a bar from 0 to 1 with its threshold, or a quantity with its interval."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from medkd.app.figures.style import INK, OUT_OF_FOLD, STUDENT, TEACHER, layout, readable
from medkd.data.core.target import Target

_BAR, _LINE, _GAP, _HEAD, _FOOT = 22, 18, 12, 26, 34
_LETTER = 6.9
"""Pixels: heights of a bar, of a text line, of the gap between classes, above and below all; width of a letter."""
_MARKS = (TEACHER, OUT_OF_FOLD), ("diamond", "circle"), ("teacher", "student that was trained without this subject")
_STILL = {"itemclick": False, "itemdoubleclick": False}
_GROUND = "#edf0f2"
_INTERVAL = re.compile(r"^\s*(?P<low>[-+.\deE]+) to (?P<high>[-+.\deE]+)\s*$")


def probability_figure(
    target: Target,
    calibrated: Sequence[float],
    threshold: Mapping[str, float | None],
    conformal: str | None = None,
    *,
    teacher: Sequence[float | None] | None = None,
    out_of_fold: Sequence[float | None] | None = None,
    width: int = 640,
) -> go.Figure:
    """One row per class: the calibrated probability as a bar, its threshold as a line, and the decision in words.

    Args:
        target: ``names`` are the classes; of a regression or forecast each output is a row, on an axis in ``units``.
        calibrated: "output", probabilities, or values in the target's unit.
        threshold: by class, on the calibrated probability; None where a class has none.
        conformal: the prediction set in words, or an interval ``LOW to HIGH``.
        teacher, out_of_fold: "output", of the teacher, and of the student that was trained without this subject; None
            where unknown.
        width: pixels.
    """
    names, rows = target.names, list(range(len(target.names)))[::-1]
    marks = [
        mark
        for mark in zip((teacher, out_of_fold), *_MARKS, strict=True)
        if any(value is not None for value in mark[0] or ())
    ]
    texts = [
        _decision(target, value, name, threshold, conformal) for name, value in zip(names, calibrated, strict=True)
    ]
    wrapped = [wrap("; ".join(filter(None, words)), max(20, int((width - 22) / _LETTER))) for words in texts]
    lines = max(map(len, wrapped))
    row_height = _BAR + _GAP + _LINE * lines
    below = _FOOT + _LINE * bool(marks) + 10 * bool(marks)
    figure = go.Figure(
        layout=layout(
            height=_HEAD + below + row_height * len(names),
            margin={"l": 8, "r": 14, "t": _HEAD, "b": below},
            barmode="overlay",
            hovermode="closest",
            dragmode=False,
            meta={"description": describe_probability(target, calibrated, threshold, conformal)},
            showlegend=bool(marks),
            legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", **_STILL},
        )
    )
    # One unit of the axis is a row, with its bar at the bottom.
    half = _BAR / row_height / 2
    figure.update_yaxes(visible=False, range=[-half, len(names) - half], fixedrange=True)
    if target.kind in ("regression", "forecast"):
        _quantities(figure, calibrated, rows, _interval(conformal) if len(names) == 1 else None)
        figure.update_xaxes(
            title={"text": escape(target.units), "standoff": 2}, gridcolor="#e6e9ec", zeroline=False, nticks=6
        )
    else:
        frame = {"color": _GROUND, "line": {"color": "#9aa5b1", "width": 1}}
        bars = {"y": rows, "orientation": "h", "width": 2 * half, "showlegend": False}
        figure.add_bar(x=[1.0] * len(names), marker=frame, hoverinfo="skip", **bars)
        figure.add_bar(x=list(calibrated), marker={"color": STUDENT}, hovertemplate="%{x:.3f}<extra></extra>", **bars)
        for y, name in zip(rows, names, strict=True):
            if (at := threshold.get(name)) is not None:
                # White edges keep the line visible on the bar as well as beside it.
                for colour, thick in (("white", 6), (INK, 3)):
                    ends = {"x0": at, "x1": at, "y0": y - 1.2 * half, "y1": y + 1.2 * half}
                    figure.add_shape(type="line", line={"color": colour, "width": thick}, **ends)
        figure.update_xaxes(
            range=[0, 1], tickvals=[0, 0.25, 0.5, 0.75, 1], ticks="outside", showgrid=False, zeroline=False
        )
    figure.update_xaxes(fixedrange=True)
    for values, colour, symbol, word in marks:
        marker = {"size": 13, "color": colour, "symbol": symbol, "line": {"color": "white", "width": 1.5}}
        hover = f"{word}: %{{x:.3f}}<extra></extra>"
        figure.add_scatter(x=list(values or ()), y=rows, mode="markers", name=word, marker=marker, hovertemplate=hover)
    for y, name, (_, set_text), words in zip(rows, names, texts, wrapped, strict=True):
        text = "<br>".join(map(escape, words))
        for bold in filter(None, (escape(readable(name)), escape(set_text))):
            text = text.replace(bold, f"<b>{bold}</b>", 1)
        where = {
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": y + 1.25 * half,
            "yanchor": "bottom",
            "align": "left",
        }
        figure.add_annotation(text=text, showarrow=False, font={"size": 13}, **where)
    return figure


def _quantities(
    figure: go.Figure, values: Sequence[float], rows: Sequence[int], interval: tuple[float, float] | None
) -> None:
    spread: dict[str, Any] = {"visible": False}
    if interval:
        spread = {
            "type": "data",
            "array": [interval[1] - values[0]],
            "arrayminus": [values[0] - interval[0]],
            "symmetric": False,
        }
        spread |= {"color": STUDENT, "thickness": 3, "width": 8}
    marker = {"size": 13, "color": STUDENT, "symbol": "square"}
    hover = "%{x:.4g}<extra></extra>"
    figure.add_scatter(
        x=list(values), y=rows, mode="markers", error_x=spread, marker=marker, hovertemplate=hover, showlegend=False
    )


def describe_probability(
    target: Target, calibrated: Sequence[float], threshold: Mapping[str, float | None], conformal: str | None = None
) -> str:
    """One line for those who do not see the figure.

    >>> describe_probability(Target("cd", "binary", ("cd",)), [0.63], {"cd": 0.46}, "abstains")
    'cd 0.63, at or above its threshold 0.46: positive; prediction set: abstains'
    """
    texts = "; ".join(
        _decision_text(target, value, name, threshold) for name, value in zip(target.names, calibrated, strict=True)
    )
    return texts + (f"; {_set_words(target, conformal)}" if conformal else "")


def _decision_text(target: Target, value: float, name: str, threshold: Mapping[str, float | None]) -> str:
    if target.kind in ("regression", "forecast"):
        return f"{readable(name)} {value:.4g} {target.units}".strip()
    at = threshold.get(name)
    if at is None:
        return f"{readable(name)} {value:.2f}"
    side, decision = ("at or above", "positive") if value >= at else ("below", "negative")
    return f"{readable(name)} {value:.2f}, {side} its threshold {at:.2f}: {decision}"


def _set_words(target: Target, conformal: str) -> str:
    return f"{'interval' if target.kind in ('regression', 'forecast') else 'prediction set'}: {conformal}"


def _decision(
    target: Target, value: float, name: str, threshold: Mapping[str, float | None], conformal: str | None
) -> tuple[str, str]:
    """A class's score in words, and its part of the prediction set."""
    text = _decision_text(target, value, name, threshold).replace("its threshold", "the threshold (black line)")
    parts = dict(part.rsplit(": ", 1) for part in (conformal or "").split("; ") if ": " in part)
    part = parts.get(name, conformal if not parts and len(target.names) == 1 else None)
    return text, _set_words(target, part) if part else ""


def _interval(text: str | None) -> tuple[float, float] | None:
    """The numbers of ``LOW to HIGH``.

    >>> _interval("3.2 to 7"), _interval("abstains")
    ((3.2, 7.0), None)
    """
    match = _INTERVAL.match(text or "")
    return (float(match["low"]), float(match["high"])) if match else None
