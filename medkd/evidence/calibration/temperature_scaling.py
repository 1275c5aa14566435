"""Temperature scaling, fitted on a validation part."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

from medkd.evidence.statistics.metrics import Array

LIMITS = (0.1, 10.0)
"""Temperatures considered; without limits, a few well separated validation samples would give infinite confidence."""


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
        categorical: exclusive classes (softmax), else one Bernoulli variable per class.

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
