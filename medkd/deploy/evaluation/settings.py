"""Settings of an evaluation: each default is written here, and each value is checked here."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from medkd.errors import InputError, nearest

PERIODS = {"week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
"""Periods of the course of time, and how polars abbreviates them."""


@dataclass(frozen=True)
class EvaluateSettings:
    """How ``medkd evaluate`` computes.

    Args:
        target: the cohort's key for what the bundle predicts; by default the bundle's own.
        recalibrate: whose outcomes may be used to recalibrate (see ``Subset.parse``); the figures are then of all
            others.
        period: of the course of time: week, month, quarter or year.
        trust: packages beside medkd whose classes the bundle may name.
        require_signed: public key (PEM) by which the bundle must have been signed.
        fast: fewer bootstrap replicates.

    Raises:
        InputError: there is no such period.
    """

    target: str | None = None
    recalibrate: str | None = None
    period: str = "month"
    trust: tuple[str, ...] = ()
    require_signed: Path | None = None
    fast: bool = False

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise InputError(f"no period '{self.period}'", where="--period", remedy=nearest(self.period, PERIODS))

    @classmethod
    def from_namespace(cls, namespace: argparse.Namespace) -> EvaluateSettings:
        """The settings of a command line; an option that is missing or None has its default."""
        options = {field.name: getattr(namespace, field.name, None) for field in fields(cls)}
        options["trust"] = tuple(options["trust"] or ())
        return cls(**{name: value for name, value in options.items() if value is not None})


DEFAULTS = EvaluateSettings()
