"""Measurements of synthetic stays: vital signs and laboratory values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from medkd.cohorts.demo_icu.stays import Array, Stays
from medkd.cohorts.demo_icu.syndromes import SYNDROMES, MeasuredVariable, Syndrome

PEOPLE, NOISE = 0.8, 0.6
"""Standard deviations between people of equal illness, and between values of one person, in spreads."""


def levels(
    rng: np.random.Generator, stays: Stays, variables: Mapping[str, MeasuredVariable], seen: Array, kind: str
) -> Array:
    """Level of each variable in a stay, "stay variable", in spreads from its centre.

    Args:
        rng: generator of the differences between people.
        stays: with their syndromes.
        variables: VITALS or LABS.
        seen: acuity as these variables show it, "stay".
        kind: "vitals" or "labs".
    """
    table = PEOPLE * rng.standard_normal((len(stays), len(variables)))
    for column, (name, variable) in enumerate(variables.items()):
        effects = np.array([_effects(syndrome, kind).get(name, 0.0) for syndrome in SYNDROMES.values()])
        table[:, column] += variable.acuity * seen + stays.severity @ effects
    return table


def measured_values(
    rng: np.random.Generator,
    level: Array,
    variables: Mapping[str, MeasuredVariable],
    stay: pl.Series,
    variable: pl.Series,
) -> Array:
    """Published values of (stay, variable) pairs: level plus the noise of a single value, in the variable's unit."""
    kinds = list(variables.values())
    centre, spread = (np.array([getattr(kind, field) for kind in kinds])[variable] for field in ("centre", "spread"))
    value = centre + spread * (level[stay, variable] + NOISE * rng.standard_normal(len(stay)))
    digits, log, high = (
        np.array([getattr(kind, field) for kind in kinds])[variable] for field in ("digits", "log", "high")
    )
    value = np.where(log, np.exp(np.where(log, value, 0.0)), value)
    scale = 10.0**digits
    rounded: Array = np.minimum(np.round(value * scale) / scale, high)
    return rounded


def _effects(syndrome: Syndrome, kind: str) -> Mapping[str, float]:
    return syndrome.vitals if kind == "vitals" else syndrome.labs
