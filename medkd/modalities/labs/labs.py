"""Laboratory results on a grid of hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medkd.data.events.grid import Grid, Variable, variables_in


@dataclass(frozen=True)
class Labs(Grid):
    """What a laboratory reports of blood, in units customary in the United States, converted from SI; limits.

    ``variables.yaml``.

    An event lies at the hour its table gives: of drawing in most published sets, hours before the result is known.

    >>> Labs.table()["creatinine"].units["umol/l"]
    (0.01131, 0.0)
    """

    name: ClassVar[str] = "labs"

    @classmethod
    def table(cls) -> Mapping[str, Variable]:
        """Every result that is known."""
        return variables_in(Path(__file__).with_name("variables.yaml"))
