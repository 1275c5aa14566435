"""Reliability: observed shares over predicted probabilities, with Wilson intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.evidence.statistics.metrics import Array


def reliability(y: Array, probability: Array, bins: int = 10, repeats: int = 1) -> list[dict[str, Any]]:
    """The reliability curve in bins of equal count: predicted and observed share, and its Wilson 95 % interval.

    Args:
        y: "sample", 0 or 1.
        probability: "sample", calibrated.
        bins: the largest number of bins; few samples have fewer.
        repeats: rows per sample (one per seed), so that intervals are not narrowed by repetition.
    """
    order = np.argsort(probability, kind="stable")
    rows = []
    for part in np.array_split(order, min(bins, max(1, len(order) // (5 * repeats)))):
        if len(part):
            observed = float(y[part].mean())
            low, high = wilson(observed, len(part) / repeats)
            rows.append(
                {
                    "predicted": float(probability[part].mean()),
                    "observed": observed,
                    "low": low,
                    "high": high,
                    "count": len(part),
                }
            )
    return rows


def histogram(probability: Array, bins: int = 20) -> list[int]:
    """Number of probabilities in each of ``bins`` equal parts of 0 to 1."""
    counts: NDArray[np.int64] = np.histogram(probability, bins=bins, range=(0.0, 1.0))[0]
    return [int(count) for count in counts]


def wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a proportion.

    Args:
        share: observed, 0 to 1.
        n: number of trials.
        z: normal quantile; the default gives 95 %.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
