"""Meals before (or around) a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.view import Part
from medkd.data.events.events import Events
from medkd.data.events.grid import Variable, variables_in
from medkd.modalities.cgm.history import History
from medkd.modalities.cgm.remaining import remaining
from medkd.modalities.meals.absorption import to_absorb


@dataclass(frozen=True)
class Meals(History):
    """Food still to be absorbed, "variable cell": meals added up, each by the minutes since it.

    Variables: ``mass`` (g of food; a millilitre counts as a gram), ``carbs`` (g of carbohydrate, where a log counts
    them) and ``unweighed`` (meals of which the log says that they were eaten, but not what). NaN, or an absent
    modality, is a log that was not kept; zero is a log that holds no meal.

    Args:
        variables: which, in this order; empty means all.
        hours: length of a part that names no window, before time zero.
        step: hours a cell.
        cell: not used: meals add up.
    """

    name: ClassVar[str] = "meals"
    hours: float = 4.0
    step: float = 0.25

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Mass, carbohydrate, and meals that were not weighed."""
        return variables_in(Path(__file__).with_name("variables.yaml"))

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """What is left to absorb at each cell's end."""
        return remaining(
            raw,
            dict.fromkeys(raw.variables, to_absorb),
            self.step,
            self.shape(Part(self.name, raw.variables, raw.window))[1],
        )
