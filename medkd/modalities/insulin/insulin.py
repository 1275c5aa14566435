"""Insulin doses before (or around) a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.view import Part
from medkd.data.events.events import Events
from medkd.data.events.grid import Variable, variables_in
from medkd.modalities.cgm.history import History
from medkd.modalities.cgm.remaining import Left, remaining
from medkd.modalities.insulin.on_board import on_board

CURVES: Mapping[str, Left] = {
    "bolus": partial(on_board, peak=55.0, duration=360.0),
    "premixed": partial(on_board, peak=120.0, duration=960.0),
    "basal": partial(on_board, peak=480.0, duration=1440.0),
}
"""Of a bolus the constants of GlucoNet's release; of the slower kinds ours.

Rounded from the hours that their labels give.
"""


@dataclass(frozen=True)
class Insulin(History):
    """Insulin on board in units, "variable cell": doses added up, each by the minutes since it.

    Variables: ``bolus`` (rapid and short-acting: injected, pumped or infused), ``premixed``, ``basal`` (long-acting, or
    a pump's basal rate as units a quarter of an hour). What was taken before the window's start is not seen. NaN, or an
    absent modality, is a log that was not kept; zero is a log that holds no dose.

    Args:
        variables: which, in this order; empty means all.
        hours: length of a part that names no window, before time zero.
        step: hours a cell.
        cell: not used: doses add up.
    """

    name: ClassVar[str] = "insulin"
    hours: float = 6.0
    step: float = 0.25

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Bolus, premixed and basal insulin."""
        return variables_in(Path(__file__).with_name("variables.yaml"))

    def prepare(self, raw: Events) -> NDArray[np.float32]:
        """Units left at each cell's end."""
        return remaining(raw, dict(CURVES), self.step, self.shape(Part(self.name, raw.variables, raw.window))[1])
