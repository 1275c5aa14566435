"""Variables: units, plausibility limits and names, in a YAML table beside each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Variable:
    """A measured variable.

    Args:
        unit: of its values.
        low, high: plausibility limits in that unit; a value outside them is not a measurement.
        units: factor and offset from other units: ``value in unit = factor * value + offset``; compared without case.
        names: other names, compared without case.
    """

    unit: str
    low: float
    high: float
    units: Mapping[str, tuple[float, float]]
    names: tuple[str, ...] = ()


@cache
def variables_in(path: Path) -> Mapping[str, Variable]:
    """The table of variables in a YAML file: name → unit, low, high, and optionally units and names."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        name: Variable(
            str(entry["unit"]),
            float(entry["low"]),
            float(entry["high"]),
            {str(unit).lower(): _line(conversion) for unit, conversion in (entry.get("units") or {}).items()},
            tuple(entry.get("names") or ()),
        )
        for name, entry in table.items()
    }


def _line(entry: Any) -> tuple[float, float]:
    return (float(entry[0]), float(entry[1])) if isinstance(entry, list) else (float(entry), 0.0)
