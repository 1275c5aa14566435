"""Nursing observations on a grid of hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medkd.data.events.grid import Grid, Variable, variables_in


@dataclass(frozen=True)
class Nursing(Grid):
    """What a nurse charts and no monitor shows: consciousness, urine, oxygen given, ventilation, weight and height.

    With ``cell="sum"`` and ``variables=("urine_output",)`` a cell is the urine of that hour; the mean of a cell is that
    of its entries.

    >>> Nursing.table()["fio2"].units["%"]
    (0.01, 0.0)
    """

    name: ClassVar[str] = "nursing"

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Every observation that is known."""
        return variables_in(Path(__file__).with_name("variables.yaml"))
