"""Synthetic stays: subjects, severity of illness, length and outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.cohorts.demo_icu.syndromes import SYNDROMES

Array = NDArray[np.float64]
INTERCEPT, SLOPE = -3.4, 2.4
"""Intercept and slope of the log-odds of death over acuity."""
AGAIN = 20
"""One subject in so many is admitted a second time."""
YEAR = 365 * 24


@dataclass(frozen=True)
class Stays:
    """Stays sorted by subject; hours count from a subject's first admission to intensive care.

    Args:
        subject: "stay", from 0.
        age: years, "stay".
        male: "stay".
        start: hour of admission to intensive care, "stay".
        length: hours in intensive care, "stay".
        discharge: hours from there to leaving the hospital, "stay".
        died: in the hospital, "stay"; then at ``discharge``.
        severity: of each syndrome, 0 where it is absent, "stay syndrome".
        acuity: latent nearness of death, in standard deviations, "stay".
        version: of ICD, 9 or 10, "stay".
    """

    subject: NDArray[np.int64]
    age: Array
    male: NDArray[np.bool_]
    start: Array
    length: Array
    discharge: Array
    died: NDArray[np.bool_]
    severity: Array
    acuity: Array
    version: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subject)


def admitted(rng: np.random.Generator, subjects: int) -> Stays:
    """Draw subjects and their stays; none follows a death."""
    again = rng.choice(subjects, subjects // AGAIN, replace=False)
    subject = np.sort(np.concatenate([np.arange(subjects), again]))
    n = len(subject)
    second = np.concatenate([[False], subject[1:] == subject[:-1]])
    age, male = np.clip(63 + 16 * rng.standard_normal(subjects), 18, 91).round(), rng.uniform(size=subjects) < 0.55
    acuity = rng.standard_normal(n)
    prevalence = np.array([syndrome.prevalence for syndrome in SYNDROMES.values()])
    has = rng.uniform(size=(n, len(prevalence))) < prevalence
    severity: Array = np.where(has, np.exp(np.clip(0.4 * rng.standard_normal(has.shape), -1, 1)), 0.0)
    risk = np.array([syndrome.risk for syndrome in SYNDROMES.values()])
    logit = INTERCEPT + SLOPE * acuity + severity @ risk + 0.02 * (age[subject] - 63)
    died: NDArray[np.bool_] = rng.uniform(size=n) < 1 / (1 + np.exp(-logit))
    died[:-1] &= ~second[1:]
    length = np.clip(np.exp(4.0 + 0.2 * acuity + 0.55 * rng.standard_normal(n)), 6, 700)
    ward = np.exp(np.clip(4.2 + 0.6 * rng.standard_normal(n), 2, 6))
    # Two in three deaths are in intensive care.
    discharge = length + np.where(died & (rng.uniform(size=n) < 0.67), 0.0, ward)
    start = np.where(second, rng.uniform(0.2, 1.5, n) * YEAR, 0.0) + np.where(second, np.roll(discharge, 1), 0.0)
    version = np.where(rng.uniform(size=subjects) < 0.5, 9, 10)[subject]
    return Stays(
        subject, age[subject], male[subject].astype(np.bool_), start, length, discharge, died, severity, acuity, version
    )


def seen(rng: np.random.Generator, acuity: Array, share: float) -> Array:
    """Acuity as one modality shows it: correlated with the true one by ``share``, of the same spread."""
    shown: Array = share * acuity + np.sqrt(1 - share**2) * rng.standard_normal(len(acuity))
    return shown
