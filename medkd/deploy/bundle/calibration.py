"""What turns a student's logits into calibrated probabilities, a decision and a set, and how it was obtained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medkd.errors import InputError, nearest

KEYS = ("temperature", "threshold", "obtained", "operating_point", "conformal")


@dataclass(frozen=True)
class Calibration:
    """Temperature, thresholds and conformal quantiles, from the folds' inner-validation predictions.

    Args:
        temperature: logits are divided by it, > 0.
        threshold: by class, on the calibrated probability; None where no decision is made (exclusive classes,
            regression).
        obtained: one line, how.
        operating_point: what the threshold was chosen for, and what it gave.
        conformal: quantiles of the conformal sets as ``Conformal.document`` gives them; None in bundles that have none.
    """

    temperature: float
    threshold: dict[str, float | None]
    obtained: str = ""
    operating_point: dict[str, Any] = field(default_factory=dict)
    conformal: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], names: Sequence[str], where: str) -> Calibration:
        """From plain values; ``threshold`` may be one number for all classes, one a class by name, or null.

        Raises:
            InputError: the temperature is not above 0, a threshold is not within 0-1, or a class is unknown.
        """
        for key in document:
            if key not in (*KEYS, "schema_version"):
                raise InputError(f"unknown key '{key}'", where=where, remedy=nearest(str(key), KEYS))
        temperature = document.get("temperature")
        if temperature is None or not _is_number(temperature) or not temperature > 0:
            raise InputError(
                f"temperature is {temperature!r}", where=where, remedy="Give a number above 0; 1 changes nothing"
            )
        given = document.get("threshold")
        by_class = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
        for name, threshold in by_class.items():
            if name not in names:
                raise InputError(f"threshold names no class '{name}'", where=where, remedy=nearest(str(name), names))
            if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
                raise InputError(
                    f"threshold of '{name}' is {threshold!r}", where=where, remedy="Give a probability, 0 to 1, or null"
                )
        thresholds = {name: by_class.get(name) for name in names}
        point = document.get("operating_point") or {}
        return cls(
            float(temperature),
            {name: None if value is None else float(value) for name, value in thresholds.items()},
            str(document.get("obtained", "")),
            dict(point) if isinstance(point, Mapping) else {"chosen_for": str(point)},
            document.get("conformal"),
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "temperature": self.temperature,
            "threshold": self.threshold,
            "obtained": self.obtained,
            "operating_point": self.operating_point,
            "conformal": self.conformal,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
