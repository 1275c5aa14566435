"""Displays with synthetic values, and what a figure contains."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from medkd.data.core.display import Strip, Trend


def synthetic_strip(
    leads: tuple[str, ...], seconds: float, seen: tuple[str, ...] = ("I",), rate: float = 100.0
) -> Strip:
    rng = np.random.default_rng(0)
    return Strip(
        "ecg", leads, 0.2 * rng.normal(size=(len(leads), round(seconds * rate))), rate, seen, ((0.0, seconds),)
    )


def words(figure: go.Figure) -> str:
    return " | ".join(str(annotation.text) for annotation in figure.layout.annotations)


def traces(figure: go.Figure, **line: Any) -> list[Any]:
    return [
        trace for trace in figure.data if all(getattr(trace.line, key, None) == value for key, value in line.items())
    ]


def icu_trend(**changes: Any) -> Trend:
    fields: dict[str, Any] = {
        "modality": "vitals",
        "variables": ("heart_rate", "age", "spo2", "temperature"),
        "units": ("1/min", "years", "%", "Cel"),
        "hours": np.array([0.0, 0.5, 2.5, 5.5, 30.0]),
        "variable": np.array([1, 0, 0, 0, 3]),
        "values": np.array([71, 80, 90, 1234, 38], np.float32),
        "span": (0.0, 48.0),
        "window": (0.0, 24.0),
        "seen": ("heart_rate", "age", "spo2"),
        "silences": (((1.0, 2.0), (3.0, 5.0)), (), (), ()),
    }
    return Trend(**{**fields, **changes})
