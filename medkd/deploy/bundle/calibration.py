"""``calibration.json``: how a student's logits become calibrated probabilities, a decision and a conformal set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from medkd.data.io.document import parse_document
from medkd.deploy.bundle.schema_version import Upgrade, Versioned
from medkd.errors import InputError, nearest

Probability = Annotated[float, Field(ge=0, le=1)]


class Calibration(Versioned):
    """Temperature, thresholds and conformal quantiles, from the folds' inner-validation predictions."""

    schema_version: Literal[2] = 2
    temperature: float = Field(gt=0)
    """Logits are divided by it; 1 changes nothing."""
    threshold: dict[str, Probability | None]
    """By class, on the calibrated probability; null where no decision is made (exclusive classes, regression)."""
    obtained: str = ""
    """One line on how it was obtained."""
    operating_point: dict[str, Any] = Field(default_factory=dict)
    """What the threshold was chosen for, and what it gave."""
    conformal: dict[str, Any] | None = None
    """Quantiles of the conformal sets (see ``Conformal.to_dict``); null in bundles that have none."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], names: Sequence[str], where: str) -> Calibration:
        """From plain values as a stage or a caller gives them.

        Args:
            document: ``threshold`` may be one number for all classes, one per class by name, or null;
                ``operating_point`` may be a word.
            names: of the classes.
            where: for messages.

        Raises:
            InputError: the temperature is not above 0, a threshold is not within 0-1, or a key or class is unknown.
        """
        values = {key: value for key, value in document.items() if key != "schema_version"}
        threshold, point = values.get("threshold"), values.get("operating_point")
        if not isinstance(threshold, Mapping):
            values["threshold"] = dict.fromkeys(names, threshold)
        if not isinstance(point, Mapping):
            values["operating_point"] = {"chosen_for": str(point)} if point else {}
        return parse_document(cls, values, where).for_classes(names, where)

    def for_classes(self, names: Sequence[str], where: str) -> Calibration:
        """The same with a threshold, or None, for each class, in the order of ``names``.

        Raises:
            InputError: a threshold is of another class.
        """
        for name in self.threshold:
            if name not in names:
                raise InputError(f"threshold names no class '{name}'", where=where, remedy=nearest(name, names))
        return self.model_copy(update={"threshold": {name: self.threshold.get(name) for name in names}})

    def to_dict(self) -> dict[str, Any]:
        """As plain values for the model card."""
        return self.model_dump(exclude={"schema_version"})


UPGRADES: Mapping[int, Upgrade] = {1: dict}
"""Version 2 may hold conformal quantiles; a file of version 1 has none."""
