"""Vital signs on a grid of hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medkd.data.events.grid import Grid, Variable, variables_in


@dataclass(frozen=True)
class Vitals(Grid):
    """What a ward monitor shows. Age and sex (1 male, 0 female) are events at hour 0 of a stay; units and limits.

    ``variables.yaml``.

    >>> from medkd.data.core.view import Part
    >>> Vitals(variables=("heart_rate", "sbp")).shape(Part("vitals", window=(0, 12)))
    (2, 12)
    >>> Vitals.table()["temperature"].unit
    'Cel'
    """

    name: ClassVar[str] = "vitals"

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Every vital sign that is known."""
        return variables_in(Path(__file__).with_name("variables.yaml"))
