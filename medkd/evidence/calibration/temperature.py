"""Calibration on the validation part: temperature, threshold, and how to look at it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

from medkd.errors import InputError
from medkd.evidence.statistics.metrics import Array

LIMITS = (0.1, 10.0)
"""Temperatures considered: a few well separated validation samples would otherwise ask for infinite confidence."""


def probabilities(logits: Array, categorical: bool, temperature: float = 1.0) -> Array:
    """Logits "sample class" to probabilities: softmax over exclusive classes, else a sigmoid for each.

    >>> probabilities(np.array([[0.0]]), categorical=False).tolist()
    [[0.5]]
    """
    scaled = logits / temperature
    result: Array = softmax(scaled, axis=1) if categorical else expit(scaled)
    return result


def fit_temperature(logits: Array, y: Array, categorical: bool) -> float:
    """T > 0 that minimises the negative log-likelihood of logits / T, one for all classes.

    Args:
        logits: "sample class".
        y: "sample class", 0 or 1; NaN where unlabelled.
        categorical: exclusive classes (softmax), else one Bernoulli a class.

    Returns:
        The temperature, within ``LIMITS``; 1 where labels are missing or all alike.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    known = np.isfinite(y)
    rows = known.all(axis=1)
    if (categorical and (rows.sum() == 0 or (y[rows].sum(axis=0) > 0).sum() < 2)) or len(np.unique(y[known])) < 2:
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if categorical:
            return -float(np.mean((y[rows] * log_softmax(scaled[rows], axis=1)).sum(axis=1)))
        return float(np.mean(np.logaddexp(0.0, scaled[known]) - y[known] * scaled[known]))

    best = minimize_scalar(
        loss, bounds=(np.log(LIMITS[0]), np.log(LIMITS[1])), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(best.x))


def parse_rule(rule: str) -> tuple[str, float]:
    """A rule for thresholds as its name and, of a sensitivity, the one to reach.

    Raises:
        InputError: there is no such rule.

    >>> parse_rule("youden"), parse_rule("sensitivity:0.95")
    (('youden', 0.0), ('sensitivity', 0.95))
    """
    found = re.fullmatch(r"(youden|f1)|(sensitivity):(0?\.\d+|1|1\.0)", rule)
    if not found:
        raise InputError(
            f"no threshold rule '{rule}'", where="evidence.threshold", remedy="Write youden, f1 or sensitivity:0.95"
        )
    return found[1] or found[2], float(found[3] or 0)


def choose_threshold(y: Array, probability: Array, rule: str = "youden") -> float:
    """The threshold that the rule prefers, half way between neighbouring probabilities; 0.5 where a class is missing.

    Args:
        y: "sample", 0 or 1.
        probability: "sample", calibrated.
        rule: "youden" (sensitivity + specificity), "f1", or "sensitivity:S" (the highest threshold that reaches S).

    Raises:
        InputError: there is no such rule.

    >>> choose_threshold(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.30000000000000004
    """
    name, wanted = parse_rule(rule)
    positives, negatives = float((y == 1).sum()), float((y == 0).sum())
    if positives == 0 or negatives == 0:
        return 0.5
    levels, place = np.unique(probability, return_inverse=True)
    hits = np.cumsum(np.bincount(place, weights=y == 1, minlength=len(levels))[::-1])[::-1]
    alarms = np.cumsum(np.bincount(place, weights=y == 0, minlength=len(levels))[::-1])[::-1]
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    if name == "sensitivity":
        return float(cuts[np.flatnonzero(hits / positives >= wanted)[-1]])
    value = hits / positives - alarms / negatives if name == "youden" else 2 * hits / (hits + alarms + positives)
    return float(cuts[np.argmax(value)])


def reliability(y: Array, probability: Array, bins: int = 10, repeats: int = 1) -> list[dict[str, Any]]:
    """The reliability curve in bins of equal count: what was predicted, what was observed, and a Wilson 95 % interval.

    Args:
        y: 0 or 1.
        probability: calibrated.
        bins: at most so many.
        repeats: how often each sample stands in the table (its seeds), so that intervals are not narrowed by
            repetition.
    """
    order = np.argsort(probability, kind="stable")
    rows = []
    for part in np.array_split(order, min(bins, max(1, len(order) // (5 * repeats)))):
        if len(part):
            observed = float(y[part].mean())
            low, high = wilson(observed, len(part) / repeats)
            rows.append(
                {
                    "predicted": float(probability[part].mean()),
                    "observed": observed,
                    "low": low,
                    "high": high,
                    "count": len(part),
                }
            )
    return rows


def histogram(probability: Array, bins: int = 20) -> list[int]:
    """How many probabilities lie in each of ``bins`` equal parts of 0-1."""
    counts: NDArray[np.int64] = np.histogram(probability, bins=bins, range=(0.0, 1.0))[0]
    return [int(count) for count in counts]


def wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a proportion."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
