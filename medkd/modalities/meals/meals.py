"""Meals before (or around) a forecast, as food that remains to be absorbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.modalities.cgm.history import Curve, Intakes


def to_absorb(
    minutes: NDArray[np.float64], onset: float = 15.0, peak: float = 60.0, end: float = 240.0
) -> NDArray[np.float64]:
    """The share of a meal that remains to be absorbed: 0 before it is eaten, 1 at first, 0 from ``end`` minutes on.

    The rate rises in a straight line from ``onset`` to ``peak`` and falls in one to ``end``: a triangle of area one
    over the minutes that GlucoNet's release names (15, 60, 240). The triangle is ours: the release's two branches do
    not meet, and do not add up to a meal.

    >>> to_absorb(np.array([-1.0, 0.0, 15.0, 60.0, 150.0, 240.0, 300.0])).round(6).tolist()
    [0.0, 1.0, 1.0, 0.8, 0.2, 0.0, 0.0]
    """
    span = end - onset
    rising = 1 - np.clip(minutes - onset, 0, peak - onset) ** 2 / (span * (peak - onset))
    falling = np.clip(end - minutes, 0, end - peak) ** 2 / (span * (end - peak))
    remaining: NDArray[np.float64] = np.where(minutes < 0, 0.0, np.where(minutes <= peak, rising, falling))
    return remaining


@dataclass(frozen=True)
class Meals(Intakes):
    """Food that remains to be absorbed, "variable cell": meals added up, each by the minutes since it.

    Variables: ``mass`` (g of food; a millilitre counts as a gram), ``carbs`` (g of carbohydrate, where a log has them)
    and ``unweighed`` (number of meals that were logged without an amount). NaN, or an absent modality, is a log that
    was not kept; zero is a log without a meal.

    Args:
        variables: which, in this order; empty means all.
        hours: length of a part that names no window, before time zero.
        step: hours per cell.
        aggregate: not used: meals add up.
    """

    name: ClassVar[str] = "meals"
    hours: float = 4.0

    @classmethod
    def curves(cls) -> Mapping[str, Curve]:
        """The same absorption for every variable."""
        return dict.fromkeys(cls.table(), to_absorb)
