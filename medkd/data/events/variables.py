"""Variables: units, plausibility limits and names, in a YAML table beside each modality."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

UNSTATED = ("", "unk", "unknown", "null", "none", "nan", "na", "n/a", "-")
"""Entries of a column of units that state none, in lower case."""
_SPELLINGS = (
    (r"[\s\[\].]|\(s\)", ""),
    (r"\bmc(?=mol|g|l)|micro(?=mol|g|l)", "u"),
    # A sign of Latin-1 that was read as UTF-8.
    ("\ufffd(?=mol|g/|l)", "u"),
    ("^[°?º˚\ufffd](?=[cf]$)", "deg"),
    (r"^degrees?(?=c|f)|^deg(?=ree)", "deg"),
    (r"celsius$", "c"),
    (r"fahrenheit$", "f"),
    (r"^percent$|^pct$", "%"),
    (r"per(?=(min|minutes?|h|hours?|d?l|ml|ul|litre|liter)$)", "/"),
    (r"minutes?$", "min"),
    (r"(litre|liter)s?$", "l"),
    (r"/(mm3|mm\^3|cumm|cmm|mmcu)$", "/ul"),
    (r"^x?10[\^*e(]*(\d+)\)?/?(?=[a-z])", r"10*\1/"),
    (r"^(k|th|ths|thou|thousands?)/", "10*3/"),
    (r"^10\*9/l$|^giga/l$|^gpt/l$|^/nl$", "10*3/ul"),
    (r"^units?/", "u/"),
    (r"^gms?(?=/|$|%)", "g"),
    (r"^(m?g)(%|/100ml)$", r"\1/dl"),
    (r"^mm[/(]hg\)?$|^torr$", "mmhg"),
    (r"^(s|secs?|seconds?)$", "s"),
)
"""Spellings of the field, replaced one after another before units are compared: a pattern, and what it becomes."""
_IN_NAME = (
    re.compile(r"^(?P<name>.+?)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]\s*$"),
    re.compile(r"^(?P<name>.+\S)\s+(?P<unit>[^\s/]+/\S+)$"),
    re.compile(r"^(?P<name>.+)_(?P<unit>(mg|g|ng|ug|mmol|umol|nmol|meq)_d?l)$", re.IGNORECASE),
)
"""Names of columns that state a unit: "Glucose (mg/dL)", "Glucose mmol/L", "glucose_mmol_l"."""


@dataclass(frozen=True)
class Variable:
    """A measured variable.

    Args:
        unit: of its values.
        low, high: plausibility limits in that unit; a value outside them is not a measurement.
        units: factor and offset from other units: ``value in unit = factor * value + offset``.
        names: other names, compared without case.
        measured: false for what describes a person and is not a measurement (age, sex).
    """

    unit: str
    low: float
    high: float
    units: Mapping[str, tuple[float, float]]
    names: tuple[str, ...] = ()
    measured: bool = True

    def line(self, unit: str | None) -> tuple[float, float] | None:
        """Factor and offset from a unit, (1, 0) where none is stated; None where it is not known.

        >>> Variable("mg/dL", 5, 2500, {"mmol/l": (18.016, 0.0)}).line("mmol / L")
        (18.016, 0.0)
        """
        if unit is None or unit.strip().lower() in UNSTATED:
            return 1.0, 0.0
        key = unit_key(unit)
        if key == unit_key(self.unit):
            return 1.0, 0.0
        return next((line for name, line in self.units.items() if unit_key(name) == key), None)


@cache
def variables_in(path: Path) -> Mapping[str, Variable]:
    """The table of variables in a YAML file: name → unit, low, high, and optionally units, names, measured."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        name: Variable(
            str(entry["unit"]),
            float(entry["low"]),
            float(entry["high"]),
            {str(unit).lower(): _line(conversion) for unit, conversion in (entry.get("units") or {}).items()},
            tuple(entry.get("names") or ()),
            bool(entry.get("measured", True)),
        )
        for name, entry in table.items()
    }


@lru_cache(maxsize=4096)
def unit_key(unit: str) -> str:
    """A unit in one spelling of the many that laboratories use, for comparison.

    >>> [unit_key(unit) for unit in ("K/mcL", "x10(3)/uL", "10^9/L", "TH/cmm")]
    ['10*3/ul', '10*3/ul', '10*3/ul', '10*3/ul']
    >>> unit_key("Deg. F"), unit_key("?F"), unit_key("[degF]"), unit_key("μmol/L")
    ('degf', 'degf', 'degf', 'umol/l')
    """
    text = unit.strip().lower().replace("µ", "u").replace("μ", "u").replace("\u00d7", "x")
    for pattern, spelling in _SPELLINGS:
        text = re.sub(pattern, spelling, text)
    return text


def named_unit(column: str) -> tuple[str, str] | None:
    """The name and the unit that a column's name states; None where it states none.

    >>> named_unit("Glucose Value (mg/dL)"), named_unit("Historic Glucose mmol/L"), named_unit("creatinine_umol_l")
    (('Glucose Value', 'mg/dL'), ('Historic Glucose', 'mmol/L'), ('creatinine', 'umol/l'))
    >>> named_unit("heart rate") is None
    True
    """
    for pattern in _IN_NAME:
        if match := pattern.match(column.strip()):
            name, unit = match["name"].strip(), match["unit"].strip()
            return name, unit.replace("_", "/") if pattern is _IN_NAME[-1] else unit
    return None


def _line(entry: Any) -> tuple[float, float]:
    return (float(entry[0]), float(entry[1])) if isinstance(entry, list) else (float(entry), 0.0)
