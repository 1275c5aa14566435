"""Laboratory results on a grid of hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medkd.data.events.grid import Grid


@dataclass(frozen=True)
class Labs(Grid):
    """Laboratory results of blood in units customary in the United States, converted from SI where need be.

    Units and plausible limits are in ``variables.yaml``. The hour of a result is the one that its table gives: of
    drawing in most published sets, hours before the result is known.

    >>> Labs.table()["creatinine"].units["umol/l"]
    (0.01131, 0.0)
    """

    name: ClassVar[str] = "labs"
