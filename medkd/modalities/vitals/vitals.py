"""Vital signs on a grid of hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medkd.data.events.grid import Grid


@dataclass(frozen=True)
class Vitals(Grid):
    """Vital signs as a ward monitor shows them, with age and sex (1 male, 0 female) at hour 0 of a stay.

    Units and plausible limits are in ``variables.yaml``.

    >>> from medkd.data.core.view import Part
    >>> Vitals(variables=("heart_rate", "sbp")).shape(Part("vitals", window=(0, 12)))
    (2, 12)
    >>> Vitals.table()["temperature"].unit
    'Cel'
    """

    name: ClassVar[str] = "vitals"
