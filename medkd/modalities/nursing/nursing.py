"""Nursing observations on a grid of hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medkd.data.events.grid import Grid


@dataclass(frozen=True)
class Nursing(Grid):
    """Observations of nurses: consciousness, urine, oxygen given, ventilation, weight and height.

    With ``aggregate="sum"`` and ``variables=("urine_output",)`` a cell is the urine of that hour; by default it is the
    mean of its entries. Units and plausible limits are in ``variables.yaml``.

    >>> Nursing.table()["fio2"].units["%"]
    (0.01, 0.0)
    """

    name: ClassVar[str] = "nursing"
