"""Results of the benchmark: effects with intervals and p-values, corrected for multiple testing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from medkd.benchmark.condition import CONTROL
from medkd.evidence.statistics.metrics import Array

CONFIDENCE, ALPHA = 0.95, 0.05


@dataclass(frozen=True)
class Effect:
    """A value with its interval, and the p-value of "it is zero"."""

    value: float
    low: float
    high: float
    p: float = 1.0

    @property
    def interval(self) -> dict[str, float | None]:
        """As the figures of a report take it."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class ObjectiveResult:
    """The result of an objective in a condition.

    Args:
        factor: of the condition.
        level: of the condition.
        objective: its name.
        baseline: mean score.
        student: mean score.
        teacher: mean score.
        gain: student - baseline.
        gap_closed: the gain as a share of the possible gain; None where that is not above zero.
        privileged_gain: the gain less that of a self-teacher's student; at the centre alone.
        p_holm: of the gain, corrected over all objectives and conditions but the controls; controls are corrected among
            themselves.
        privileged_gain_p_holm: corrected over all objectives.
        against_soft_labels: student less the student of soft labels; at the centre alone.
        against_soft_labels_p_holm: corrected over all objectives.
        setting: of its training, as text for a table.
    """

    factor: str
    level: str
    objective: str
    baseline: float
    student: float
    teacher: float
    gain: Effect
    gap_closed: Effect | None = None
    privileged_gain: Effect | None = None
    p_holm: float = 1.0
    privileged_gain_p_holm: float = 1.0
    against_soft_labels: Effect | None = None
    against_soft_labels_p_holm: float = 1.0
    setting: str = ""

    @property
    def verdict(self) -> str:
        """Says "earns" or "harms" where the corrected p-value is below 0.05; else "no evidence"."""
        if not self.p_holm < ALPHA:
            return "no evidence"
        return "earns" if self.gain.value > 0 else "harms"


def paired(differences: Array) -> Effect:
    """The mean over seeds with its t interval.

    >>> paired(np.array([0.1, 0.1, 0.1])).low > 0.09, paired(np.zeros(3)).p
    (True, 1.0)
    """
    count = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(count)) if count > 1 else np.inf
    if error == 0:
        return Effect(mean, mean, mean, 0.0 if mean else 1.0)
    if not np.isfinite(error):
        return Effect(mean, -np.inf, np.inf, 1.0)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Effect(mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, count - 1)))


def share_of(gain: Array, possible: Array) -> Effect | None:
    """Mean gain over mean possible gain with a t interval of the linearised ratio.

    None unless the possible gain is clearly above zero.

    Args:
        gain: one per seed.
        possible: one per seed, the same seeds.

    Source: the ratio estimator, Cochran 1977, Sampling Techniques, section 6.4.

    >>> round(share_of(np.array([0.10, 0.11, 0.12]), np.array([0.20, 0.22, 0.24])).value, 6)
    0.5
    """
    if not paired(possible).low > 0:
        return None
    mean = float(possible.mean())
    ratio = float(gain.mean() / possible.mean())
    spread = paired(gain - ratio * possible + ratio * possible.mean())
    return Effect(ratio, spread.low / mean, spread.high / mean, spread.p)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's corrected p-values, in the order of ``p``.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(np.asarray(p, dtype=np.float64)[order] * np.arange(len(p), 0, -1))
    values = np.empty(len(p))
    values[order] = np.minimum(steps, 1.0)
    return [float(value) for value in values]


def corrected(results: Sequence[ObjectiveResult]) -> list[ObjectiveResult]:
    """The results with Holm's p-values, gains corrected over all objectives and conditions.

    The controls are a family of their own.
    """
    new = list(results)
    families = (
        [index for index, result in enumerate(new) if (result.factor == CONTROL) == control]
        for control in (False, True)
    )
    for family in families:
        for index, p in zip(family, holm([new[index].gain.p for index in family]), strict=True):
            new[index] = replace(new[index], p_holm=p)
    for name in ("privileged_gain", "against_soft_labels"):
        effects = {index: effect for index, result in enumerate(new) if (effect := getattr(result, name)) is not None}
        for index, p in zip(effects, holm([effect.p for effect in effects.values()]), strict=True):
            change: dict[str, Any] = {f"{name}_p_holm": p}
            new[index] = replace(new[index], **change)
    return new
