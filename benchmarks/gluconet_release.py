"""The GlucoNet release's way of scoring a forecast against the causal one: same series, same linear model.

    python benchmarks/gluconet_release.py --root ../shared/data/cgm/glucose-ml

Of each of some people (AZT1D, readings every 5 minutes, bridged to a regular series; the longest unbroken stretch of up
to five days) the first 70 % train a ridge and the last 30 % test it. Windows are 36 readings, forecasts 12. The release
decomposes the whole training and the whole test series (VMD), so that each window holds its future, and reports column
0 of the forecasts, 5 minutes ahead, as 60 minutes. What is forecast is the raw glucose in every row of the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from medkd.cohorts.glucose_ml import GlucoseML
from medkd.modalities.cgm.origins import unbroken
from medkd.papers.gluconet.forecast_windows import HORIZON, LENGTH, forecast_windows
from medkd.papers.gluconet.vmd_split import vmd_split, vmd_split_released

Array = NDArray[np.float64]
DAYS, STEP = 5, 5
PENALTY = 100.0
"""Of the ridge, the same for all.

With 1 the decomposed windows do far worse at 60 minutes, with 10,000 all come together.
"""
WAYS = {
    "whole series": "VMD of the whole series, training and test at once",
    "each part": "VMD of the whole training, the whole test series (release)",
    "each window": "VMD of each window alone (causal)",
    "raw": "as they are (causal)",
}


def stretches(root: Path, people: int) -> list[Array]:
    """The longest unbroken stretch of each of the first people, every 5 minutes, at most so many days of it."""
    rows = GlucoseML(root).readings().filter(pl.col("series").str.starts_with("AZT1D/"))
    found = []
    for held in unbroken(rows).partition_by("series", maintain_order=True)[:people]:
        end = int(held["unbroken"].arg_max() or 0)
        minute, glucose = held["minute"].to_numpy(), held["glucose"].to_numpy()
        start = minute[end] - held["unbroken"][end]
        times = np.arange(start, min(minute[end], start + DAYS * 1440), STEP)
        found.append(np.interp(times, minute, glucose))
    return found


def windows(series: Array, cut: int, way: str) -> tuple[Array, Array]:
    """What a forecast sees, "window number", of the training part before ``cut`` and of the test part after it."""
    train, test = series[:cut], series[cut:]
    if way == "raw":
        return _cut(train), _cut(test)
    if way == "each window":
        return np.concatenate(vmd_split(_cut(train)), axis=1), np.concatenate(vmd_split(_cut(test)), axis=1)
    if way == "each part":
        return _beside(vmd_split_released(train)), _beside(vmd_split_released(test))
    slow, fast = vmd_split_released(series)
    return _beside((slow[:cut], fast[:cut])), _beside((slow[cut:], fast[cut:]))


def _cut(series: Array) -> Array:
    return forecast_windows(series, LENGTH, HORIZON)[0]


def _beside(parts: tuple[Array, Array]) -> Array:
    return np.concatenate([_cut(part) for part in parts], axis=1)


def errors(series: Array, way: str) -> tuple[Array, int]:
    """Summed squared error of each column on the last 30 % of a series, and how many forecasts it is of."""
    series = series[: len(series) // 2 * 2]
    cut = int(0.7 * len(series)) // 2 * 2
    train, test = windows(series, cut, way)
    model = Ridge(PENALTY).fit(train, forecast_windows(series[:cut], LENGTH, HORIZON)[1])
    after = forecast_windows(series[cut:], LENGTH, HORIZON)[1]
    return ((model.predict(test) - after) ** 2).sum(axis=0), len(after)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder with AZT1D-from-Glucose-ML.zip")
    parser.add_argument("--people", type=int, default=5)
    arguments = parser.parse_args()
    held = stretches(arguments.root, arguments.people)
    print(f"{len(held)} people, {sum(map(len, held))} readings; RMSE in mg/dL on the last 30 % of each series")
    print(f"{'input windows':<58}{'5 minutes (column 0)':>22}{'60 minutes (column 11)':>24}")
    for way, title in WAYS.items():
        squares, counts = zip(*(errors(series, way) for series in held), strict=True)
        rmse = np.sqrt(sum(squares) / sum(counts))
        print(f"{title:<58}{rmse[0]:>22.2f}{rmse[-1]:>24.2f}", flush=True)


if __name__ == "__main__":
    main()
