"""How a meal is absorbed: by the minutes since it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def to_absorb(minutes: Array, onset: float = 15.0, peak: float = 60.0, end: float = 240.0) -> Array:
    """The share of a meal that is not yet absorbed: 0 before it is eaten, 1 at first, 0 at the end.

    The rate rises in a straight line from ``onset`` to ``peak`` and falls in one to ``end``: a triangle of area one
    over the minutes that GlucoNet's release names (15, 60, 240). The triangle is ours: the release's two branches do
    not meet, and do not add up to a meal.

    >>> to_absorb(np.array([-1.0, 0.0, 15.0, 60.0, 150.0, 240.0, 300.0])).round(6).tolist()
    [0.0, 1.0, 1.0, 0.8, 0.2, 0.0, 0.0]
    """
    span = end - onset
    rising = 1 - np.clip(minutes - onset, 0, peak - onset) ** 2 / (span * (peak - onset))
    falling = np.clip(end - minutes, 0, end - peak) ** 2 / (span * (end - peak))
    left: Array = np.where(minutes < 0, 0.0, np.where(minutes <= peak, rising, falling))
    return left
