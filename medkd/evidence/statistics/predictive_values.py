"""What a decision is worth to those who act on it: figures that, unlike sensitivity, change with the prevalence."""

from __future__ import annotations

from medkd.evidence.statistics.metrics import METRICS, Array, Metric, ratio


def ppv(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Positive predictive value: the share of the flagged that are positive. The mass is the number of flagged.

    >>> import numpy as np
    >>> float(ppv(np.array([0.0, 1, 0, 1]), np.array([1.0, 1, 0, 0]), np.ones((4, 1)))[0][0])
    0.5
    """
    return ratio((decision * (y == 1)) @ weights, decision @ weights)


def npv(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Negative predictive value: the share of those not flagged that are negative.

    The mass is the number of those not flagged.
    """
    return ratio(((1 - decision) * (y == 0)) @ weights, (1 - decision) @ weights)


def flagged(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """The share of all that are flagged. The mass is the number of samples."""
    return ratio(decision @ weights, weights.sum(axis=0))


AT_THRESHOLD: dict[str, Metric] = {
    "sensitivity": METRICS["sensitivity"],
    "specificity": METRICS["specificity"],
    "ppv": Metric("PPV", ppv, "decision", True),
    "npv": Metric("NPV", npv, "decision", True),
    "flagged": Metric("flagged", flagged, "decision", False),
}
"""What is said of a threshold, by name."""
