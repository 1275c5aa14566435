"""Paper layout of a waveform recording: the place of each lead, in seconds and millivolts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.display import Strip

_CLASSIC = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_TALL = tuple(zip(("I", "II", "III", "aVR", "aVL", "aVF"), ("V1", "V2", "V3", "V4", "V5", "V6"), strict=True))
_RHYTHM = "II"
_LINE = 10.0
"""Seconds per row of a long recording."""
_LONGEST_LINE = 12.5
"""Seconds up to which a recording stays in one row."""
_ROWS = 6
"""Most rows into which a recording of few leads is broken."""
_APART = 0.2
"""Least seconds between the columns of a short recording, each of which shows all of it."""
_NARROWEST = 5.0
"""Least width of the paper in seconds: a shorter recording is not enlarged."""
_MARGIN = 0.4
"""Seconds left of the traces for the calibration pulse: two squares."""
_LEAST, _MOST = 1.5, 2.5
"""Least and most millivolts of a row above or below its baseline; what exceeds them overlaps, as on paper."""


@dataclass(frozen=True)
class Panel:
    """A segment of one lead, and its place on the paper.

    Args:
        lead: index of the lead in the recording.
        start, end: seconds of the recording.
        shift: seconds subtracted from a time of the recording to get its place on the paper.
        baseline: place of 0 mV on the paper, mV.
        floor, ceiling: edges of its row, mV.
    """

    lead: int
    start: float
    end: float
    shift: float
    baseline: float
    floor: float
    ceiling: float


@dataclass(frozen=True)
class PaperLayout:
    """One sheet of paper, seconds to the right and millivolts upward, both in whole squares.

    Args:
        baselines: of each row, mV.
        medians: of each lead, mV; subtracted, as the zero of a lead is arbitrary.
        left, right, bottom, top: edges of the paper, s and mV.
        start, end: seconds of the recording.
    """

    panels: tuple[Panel, ...]
    baselines: tuple[float, ...]
    medians: NDArray[np.float64]
    left: float
    right: float
    bottom: float
    top: float
    start: float
    end: float


def paper_layout(strip: Strip, start: float = 0.0) -> PaperLayout:
    """Lay out a recording.

    Twelve standard leads: from 8 s on three rows of four over a rhythm strip (a quarter of the time each, as printers
    do), from 4 s on six rows of two, below that three rows of four in which each lead has all of the time. Other
    recordings: one row per lead, at the same times; a long one of few leads continues in further rows.

    Args:
        start: the second from which a long recording is shown.
    """
    rows, first, last = _rows(strip, start)
    medians = np.nan_to_num(
        np.nanmedian(np.where(np.isfinite(strip.values).any(axis=1, keepdims=True), strip.values, 0.0), axis=1)
    )
    panels: list[Panel] = []
    baselines: list[float] = []
    ceiling = 0.0
    for row in rows:
        low, high = _row_extent(strip, medians, row)
        baseline = ceiling - high
        floor = baseline - low
        panels += [Panel(lead, begin, end, begin - x, baseline, floor, ceiling) for lead, begin, end, x in row]
        baselines.append(baseline)
        ceiling = floor
    right = max(_NARROWEST, *(panel.end - panel.shift for panel in panels))
    return PaperLayout(
        tuple(panels), tuple(baselines), medians, -_MARGIN, _squares(right, 0.2), ceiling, 0.0, first, last
    )


Row = list[tuple[int, float, float, float]]
"""Per lead: its index, first and last second of the recording, and the place of the first one on the paper, s."""


def _rows(strip: Strip, start: float) -> tuple[list[Row], float, float]:
    index = {lead: number for number, lead in enumerate(strip.leads)}
    classic = all(lead in index for row in _CLASSIC for lead in row)
    first = min(max(start, 0.0), max(strip.seconds - 1.0, 0.0))
    left = strip.seconds - first
    shown = left if left <= _LONGEST_LINE else _LINE
    others = [index[lead] for lead in strip.leads if lead not in {name for row in _CLASSIC for name in row}]
    if classic and shown < 4.0:
        part = _squares(shown + _APART, 0.2)
        rows = [[(index[lead], first, first + shown, part * at) for at, lead in enumerate(row)] for row in _CLASSIC]
        return [*rows, *([(lead, first, first + shown, 0.0)] for lead in others)], first, first + shown
    if classic:
        grid: Sequence[Sequence[str]] = _CLASSIC if shown >= 8.0 else _TALL
        part = shown / len(grid[0])
        rows = [
            [(index[lead], first + part * at, first + part * (at + 1), part * at) for at, lead in enumerate(row)]
            for row in grid
        ]
        partly = 0 < len(strip.seen) < len(strip.leads)
        rhythm = strip.seen[0] if partly and _RHYTHM not in strip.seen else _RHYTHM
        rows += [[(lead, first, first + shown, 0.0)] for lead in (index[rhythm], *others)]
        return rows, first, first + shown
    lines = 1 if left <= _LONGEST_LINE else max(1, min(_ROWS // len(strip.leads), math.ceil(left / _LINE)))
    spans = [(first + shown * line, min(first + shown * (line + 1), strip.seconds)) for line in range(lines)]
    return [[(lead, begin, end, 0.0)] for begin, end in spans for lead in range(len(strip.leads))], first, spans[-1][1]


def _row_extent(strip: Strip, medians: NDArray[np.float64], row: Row) -> tuple[float, float]:
    """Millivolts of a row below and above its baseline, in whole squares."""
    low = high = 0.0
    for lead, begin, end, _ in row:
        values = strip.values[lead, round(begin * strip.rate) : round(end * strip.rate)] - medians[lead]
        values = values[np.isfinite(values)]
        if len(values):
            low, high = max(low, -float(values.min())), max(high, float(values.max()))
    # The name of the lead stands above the trace.
    return (_squares(min(max(low + 0.1, 0.5), _MOST), 0.5), _squares(min(max(high + 0.3, _LEAST), _MOST), 0.5))


def _squares(length: float, square: float) -> float:
    return math.ceil(length / square - 1e-9) * square
