"""Decision curve: what acting on the model is worth at each threshold of concern."""

from __future__ import annotations

import numpy as np

from medkd.evidence.statistics.metrics import Array


def net_benefit(y: Array, probability: Array, thresholds: Array) -> Array:
    """True positives per sample less false positives, weighted by the odds of the threshold: TP/n - FP/n · t/(1-t).

    Args:
        y: "sample", 0 or 1.
        probability: "sample", calibrated.
        thresholds: "threshold", probabilities in (0, 1) at which one would act.

    Returns:
        "threshold", in true positives per sample. Acting on nobody is 0.

    Source: Vickers and Elkin 2006.

    >>> net_benefit(np.array([0.0, 1.0]), np.array([0.2, 0.9]), np.array([0.5])).tolist()
    [0.5]
    """
    order = np.argsort(probability, kind="stable")
    first = np.searchsorted(probability[order], thresholds, "left")
    left = np.concatenate([np.cumsum(y[order][::-1])[::-1], [0.0]])[first]
    flagged = len(y) - first
    result: Array = left / len(y) - (flagged - left) / len(y) * thresholds / (1 - thresholds)
    return result


def treat_all(y: Array, thresholds: Array) -> Array:
    """Net benefit of acting on everybody.

    >>> treat_all(np.array([0.0, 1.0]), np.array([0.5])).tolist()
    [0.0]
    """
    share = float(y.mean())
    result: Array = share - (1 - share) * thresholds / (1 - thresholds)
    return result
