"""The Clarke error grid: glucose errors by the treatment that they would lead to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ZONES = ("A", "B", "C", "D", "E")


def clarke_zones(reference: NDArray[np.floating], value: NDArray[np.floating]) -> NDArray[np.str_]:
    """The zone of each pair, in mg/dL: the first of A, E, C, D that applies, else B.

    A: within 20 % of the reference, or both at most 70. E: one at most 70 and the other at least 180 (treated the wrong
    way round). C: at least 110 above a reference of 70 to 290, or at most 7/5 (reference - 130) at one of 130 to 180
    (treated without need). D: 70 to 180 where the reference is at least 240; or at a reference of at most 70 from 70 to
    180 and at least 6/5 of it (not treated).

    Args:
        reference: "pair", the true glucose.
        value: "pair", what was measured or forecast.

    Source: Clarke et al. 1987, doi:10.2337/diacare.10.5.622; lines as in common use, borders counted as written here.

    >>> clarke_zones(np.array([100.0, 100, 200, 250, 60]), np.array([119.0, 160, 60, 100, 100])).tolist()
    ['A', 'B', 'E', 'D', 'D']
    """
    r, v = np.asarray(reference, dtype=np.float64), np.asarray(value, dtype=np.float64)
    right = (np.abs(v - r) <= 0.2 * r) | ((r <= 70) & (v <= 70))
    reversed_ = ((r >= 180) & (v <= 70)) | ((r <= 70) & (v >= 180))
    needless = ((r >= 70) & (r <= 290) & (v >= r + 110)) | ((r >= 130) & (r <= 180) & (v <= 7 / 5 * (r - 130)))
    missed = (v >= 70) & (v <= 180) & ((r >= 240) | ((r <= 70) & (v >= 6 / 5 * r)))
    return np.select([right, reversed_, needless, missed], ["A", "E", "C", "D"], "B")


def clarke_shares(reference: NDArray[np.floating], value: NDArray[np.floating]) -> dict[str, float]:
    """The share of the pairs in each zone.

    >>> clarke_shares(np.array([100.0, 100.0]), np.array([100.0, 160.0]))
    {'A': 0.5, 'B': 0.5, 'C': 0.0, 'D': 0.0, 'E': 0.0}
    """
    zones = clarke_zones(reference, value)
    return {zone: float(np.mean(zones == zone)) for zone in ZONES}
