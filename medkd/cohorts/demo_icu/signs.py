"""What monitors and the laboratory show of a stay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from medkd.cohorts.demo_icu.stays import Array, Stays
from medkd.cohorts.demo_icu.syndromes import SYNDROMES, Sign, Syndrome

PEOPLE, NOISE = 0.8, 0.6
"""What differs between people of equal illness, and between the values of one person, in spreads."""


def levels(rng: np.random.Generator, stays: Stays, signs: Mapping[str, Sign], seen: Array, kind: str) -> Array:
    """Where each sign of a stay lies, "stay sign", in spreads from its centre.

    Args:
        rng: source of what differs between people.
        stays: their syndromes.
        signs: VITALS or LABS.
        seen: acuity as these signs show it, "stay".
        kind: "vitals" or "labs".
    """
    table = PEOPLE * rng.standard_normal((len(stays), len(signs)))
    for place, (name, sign) in enumerate(signs.items()):
        effects = np.array([_effects(syndrome, kind).get(name, 0.0) for syndrome in SYNDROMES.values()])
        table[:, place] += sign.acuity * seen + stays.severity @ effects
    return table


def values(
    rng: np.random.Generator, level: Array, signs: Mapping[str, Sign], stay: pl.Series, sign: pl.Series
) -> Array:
    """Published values of (stay, sign) pairs: the level and the noise of a single value, in the sign's unit."""
    kinds = list(signs.values())
    centre, spread = (np.array([getattr(kind, field) for kind in kinds])[sign] for field in ("centre", "spread"))
    found = centre + spread * (level[stay, sign] + NOISE * rng.standard_normal(len(stay)))
    digits, log, high = (
        np.array([getattr(kind, field) for kind in kinds])[sign] for field in ("digits", "log", "high")
    )
    found = np.where(log, np.exp(np.where(log, found, 0.0)), found)
    scale = 10.0**digits
    rounded: Array = np.minimum(np.round(found * scale) / scale, high)
    return rounded


def _effects(syndrome: Syndrome, kind: str) -> Mapping[str, float]:
    return syndrome.vitals if kind == "vitals" else syndrome.labs
