"""From what each seed scored to gains with intervals, corrected for how many were looked at."""

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
class Estimate:
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
class Finding:
    """What an objective did in a cell.

    Args:
        factor, level: the cell.
        objective: its name.
        baseline, student, teacher: mean scores.
        gain: student - baseline.
        closed: the gain as a share of what can be gained; None where that is not above zero.
        privileged: the gain less that of a self-teacher's student; at the centre alone.
        p_holm: of the gain, corrected over all objectives and cells but the controls; a control's is its own.
        privileged_p_holm: of the privileged gain, corrected over all objectives.
        against_soft: student less the student of soft labels; at the centre alone.
        against_soft_p_holm: corrected over all objectives.
        setting: how it was trained, in words for a table.
    """

    factor: str
    level: str
    objective: str
    baseline: float
    student: float
    teacher: float
    gain: Estimate
    closed: Estimate | None = None
    privileged: Estimate | None = None
    p_holm: float = 1.0
    privileged_p_holm: float = 1.0
    against_soft: Estimate | None = None
    against_soft_p_holm: float = 1.0
    setting: str = ""

    @property
    def verdict(self) -> str:
        """Says "earns" or "harms" where the corrected p-value is below 0.05; else "no evidence"."""
        if not self.p_holm < ALPHA:
            return "no evidence"
        return "earns" if self.gain.value > 0 else "harms"


def paired(differences: Array) -> Estimate:
    """The mean over seeds with its t interval.

    >>> paired(np.array([0.1, 0.1, 0.1])).low > 0.09, paired(np.zeros(3)).p
    (True, 1.0)
    """
    count = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(count)) if count > 1 else np.inf
    if error == 0 or not np.isfinite(error):
        certain = error == 0
        return Estimate(
            mean, mean if certain else -np.inf, mean if certain else np.inf, 0.0 if certain and mean else 1.0
        )
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Estimate(mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, count - 1)))


def share_of(gain: Array, room: Array) -> Estimate | None:
    """Mean gain over mean room with a t interval of the linearised ratio; None unless the room is clearly above zero.

    Args:
        gain, room: one a seed, of the same seeds.

    Source: the ratio estimator, Cochran 1977, Sampling Techniques, section 6.4.

    >>> round(share_of(np.array([0.10, 0.11, 0.12]), np.array([0.20, 0.22, 0.24])).value, 6)
    0.5
    """
    if not paired(room).low > 0:
        return None
    ratio = float(gain.mean() / room.mean())
    spread = paired(gain - ratio * room + ratio * room.mean())
    return Estimate(ratio, spread.low / float(room.mean()), spread.high / float(room.mean()), spread.p)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's corrected p-values, in the order given.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(np.asarray(p, dtype=np.float64)[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1.0)
    return [float(value) for value in corrected]


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with Holm's p-values.

    Gains over all objectives and cells but the controls, which are a family of their own.
    """
    found = list(findings)
    families = (
        [place for place, one in enumerate(found) if (one.factor == CONTROL) == control] for control in (False, True)
    )
    for places in families:
        for place, p in zip(places, holm([found[place].gain.p for place in places]), strict=True):
            found[place] = replace(found[place], p_holm=p)
    for name in ("privileged", "against_soft"):
        told = [(place, one) for place, found_one in enumerate(found) if (one := getattr(found_one, name)) is not None]
        for (place, _), p in zip(told, holm([one.p for _, one in told]), strict=True):
            corrected_p: dict[str, Any] = {f"{name}_p_holm": p}
            found[place] = replace(found[place], **corrected_p)
    return found
