"""Metrics, each written once and vectorised over weights, so that a value and its bootstrap are the same code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medkd.errors import InputError, nearest

Array = NDArray[np.float64]
Weighted = Callable[[Array, Array, Array], tuple[Array, Array]]
"""``(y "sample", reading "sample", weights "sample replicate") → (value "replicate", mass "replicate")``.

Where the mass is 0 the value is undefined.
"""


def auroc(y: Array, score: Array, weights: Array) -> tuple[Array, Array]:
    """Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties one half.

    Scores are sorted once; a replicate then costs one cumulative sum. The mass is the number of pairs. Source: Hanley
    and McNeil 1982.

    >>> value, pairs = auroc(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]), np.ones((4, 1)))
    >>> float(value[0]), float(pairs[0])
    (0.875, 4.0)
    """
    positive = y == 1
    order = np.argsort(score[~positive], kind="stable")
    negatives = score[~positive][order]
    below = np.zeros((len(negatives) + 1, weights.shape[1]))
    np.cumsum(weights[np.flatnonzero(~positive)[order]], axis=0, out=below[1:])
    first = np.searchsorted(negatives, score[positive], "left")
    last = np.searchsorted(negatives, score[positive], "right")
    heavy = weights[positive]
    wins = np.einsum("pr,pr->r", heavy, below[first])
    tied = np.flatnonzero(first != last)
    if len(tied):
        wins += 0.5 * np.einsum("pr,pr->r", heavy[tied], below[last[tied]] - below[first[tied]])
    return ratio(wins, heavy.sum(axis=0) * below[-1])


def auprc(y: Array, score: Array, weights: Array) -> tuple[Array, Array]:
    """Area under the precision-recall curve as average precision, ties taken together.

    The mass is the number of samples.

    >>> float(auprc(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.ones((4, 1)))[0][0])
    1.0
    """
    order = np.argsort(-score, kind="stable")
    ranked, labels, heavy = -score[order], y[order] == 1, weights[order]
    end = np.searchsorted(ranked, ranked[labels], "right") - 1
    hits = np.cumsum(heavy * labels[:, None], axis=0)[end]
    called = np.cumsum(heavy, axis=0)[end]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    value, positives = ratio(np.einsum("pr,pr->r", heavy[labels], precision), heavy[labels].sum(axis=0))
    return value, np.where(positives > 0, weights.sum(axis=0), 0.0)


def sensitivity(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Share of the positives that are flagged. The mass is the number of positives."""
    return ratio((decision * (y == 1)) @ weights, (y == 1).astype(np.float64) @ weights)


def specificity(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Share of the negatives that are not flagged. The mass is the number of negatives."""
    return ratio(((1 - decision) * (y == 0)) @ weights, (y == 0).astype(np.float64) @ weights)


def f1(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN). The mass is the number of samples."""
    value, some = ratio(2 * ((decision * y) @ weights), (decision + y) @ weights)
    return value, np.where(some > 0, weights.sum(axis=0), 0.0)


def brier(y: Array, probability: Array, weights: Array) -> tuple[Array, Array]:
    """Mean squared distance of the probability from the outcome, summed over the classes of a multiclass target.

    Source: Brier 1950.
    """
    return ratio((y - probability) ** 2 @ weights, weights.sum(axis=0))


def ece(y: Array, probability: Array, weights: Array, bins: int = 10) -> tuple[Array, Array]:
    """Expected calibration error: |observed - predicted| averaged over bins of equal width, weighted by their samples.

    Source: Naeini et al. 2015. Several classes are one-vs-rest.
    """
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    member = (bin_of == np.arange(bins)[:, None]) * (y - probability)
    return ratio(np.abs(member @ weights).sum(axis=0), weights.sum(axis=0))


def ppv(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Positive predictive value: the share of the flagged that are positive. The mass is the number of flagged.

    >>> float(ppv(np.array([0.0, 1, 0, 1]), np.array([1.0, 1, 0, 0]), np.ones((4, 1)))[0][0])
    0.5
    """
    return ratio((decision * (y == 1)) @ weights, decision @ weights)


def npv(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """Negative predictive value: the share of those not flagged that are negative, whose number is the mass."""
    return ratio(((1 - decision) * (y == 0)) @ weights, (1 - decision) @ weights)


def flagged(y: Array, decision: Array, weights: Array) -> tuple[Array, Array]:
    """The share of all that are flagged. The mass is the number of samples."""
    return ratio(decision @ weights, weights.sum(axis=0))


def rmse(y: Array, value: Array, weights: Array) -> tuple[Array, Array]:
    """Root mean squared error, in the target's units. The mass is the number of samples."""
    mean, mass = ratio((y - value) ** 2 @ weights, weights.sum(axis=0))
    return np.sqrt(mean), mass


def mae(y: Array, value: Array, weights: Array) -> tuple[Array, Array]:
    """Mean absolute error, in the target's units. The mass is the number of samples."""
    return ratio(np.abs(y - value) @ weights, weights.sum(axis=0))


def ratio(top: Array, bottom: Array) -> tuple[Array, Array]:
    """``top / bottom`` with ``bottom`` as the mass; NaN where it is 0."""
    return np.divide(top, bottom, out=np.full_like(bottom, np.nan), where=bottom > 0), bottom


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Args:
        title: as written in a report.
        function: see ``Weighted``.
        reads: the raw probability ("score"), the calibrated one, or the yes/no decision at the validation threshold.
        higher_is_better: gains change their sign where it is not.
        pooled: taken over all folds of a seed at once. Only for what reads calibrated probabilities, which are
            comparable between folds, and is biased in small ones.
        summed: a multiclass value is the sum over classes, not the mean.
    """

    title: str
    function: Weighted
    reads: Literal["score", "calibrated", "decision"]
    higher_is_better: bool
    pooled: bool = False
    summed: bool = False

    @property
    def sign(self) -> float:
        """1 or -1: a difference times this is oriented so that more is better."""
        return 1.0 if self.higher_is_better else -1.0


METRICS: dict[str, Metric] = {
    "auroc": Metric("AUROC", auroc, "score", True),
    "auprc": Metric("AUPRC", auprc, "score", True),
    "f1": Metric("F1", f1, "decision", True),
    "sensitivity": Metric("sensitivity", sensitivity, "decision", True),
    "specificity": Metric("specificity", specificity, "decision", True),
    "brier": Metric("Brier score", brier, "calibrated", False, summed=True),
    "ece": Metric("calibration error", ece, "calibrated", False, pooled=True),
    "rmse": Metric("RMSE", rmse, "score", False),
    "mae": Metric("MAE", mae, "score", False),
}
AT_THRESHOLD: dict[str, Metric] = {
    "sensitivity": METRICS["sensitivity"],
    "specificity": METRICS["specificity"],
    "ppv": Metric("PPV", ppv, "decision", True),
    "npv": Metric("NPV", npv, "decision", True),
    "flagged": Metric("flagged", flagged, "decision", False),
}
"""Metrics of a decision threshold. Unlike sensitivity, PPV and NPV change with the prevalence."""
OF_VALUES = ("rmse", "mae")
"""Metrics of a regression or a forecast; the others measure classes."""


def metric_named(name: str, kind: str) -> Metric:
    """The metric of that name, if it suits the target's kind.

    Raises:
        InputError: there is none of that name, or it cannot measure such a target.
    """
    suits = metrics_for(kind)
    if name not in suits:
        raise InputError(
            f"metric '{name}' does not measure a {kind} target", where="evidence.metric", remedy=nearest(name, suits)
        )
    return METRICS[name]


def metrics_for(kind: str) -> tuple[str, ...]:
    """Names of the metrics that suit a kind of target.

    >>> metrics_for("regression")
    ('rmse', 'mae')
    """
    if kind in ("regression", "forecast"):
        return OF_VALUES
    return tuple(name for name in METRICS if name not in OF_VALUES)


def measure(name: str, y: Any, reading: Any, weights: Any = None) -> float:
    """One number: the metric of one column of labels and readings; NaN where it is undefined.

    >>> measure("auroc", [0, 1, 1], [0.2, 0.7, 0.1])
    0.5
    """
    labels, values = np.asarray(y, dtype=np.float64), np.asarray(reading, dtype=np.float64)
    heavy = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    return float(METRICS[name].function(labels, values, heavy[:, None])[0][0])
