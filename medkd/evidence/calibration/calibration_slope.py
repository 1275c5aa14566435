"""Calibration of predicted risks: observed over expected, and the calibration intercept and slope."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from medkd.evidence.statistics.bootstrap import Replicates, multiplicities
from medkd.evidence.statistics.metrics import Array, Metric, ratio

CERTAIN = 1e-9
"""Distance that probabilities keep from 0 and 1, whose logit is infinite."""


def observed_over_expected(y: Array, probability: Array, weights: Array) -> tuple[Array, Array]:
    """Calibration-in-the-large: positives observed over positives expected. The mass is the number expected.

    >>> float(observed_over_expected(np.array([0.0, 1]), np.array([0.25, 0.25]), np.ones((2, 1)))[0][0])
    2.0
    """
    return ratio(y @ weights, probability @ weights)


IN_THE_LARGE = Metric("observed over expected", observed_over_expected, "calibrated", True)


def calibration_slope(y: Array, probability: Array, weights: Array | None = None) -> tuple[float, float]:
    """Intercept a and slope b of logit P(y) = a + b logit(p), by maximum likelihood without penalty.

    They are 0 and 1 where p is calibrated. A slope below 1 means that low risks are predicted too low and high ones too
    high. The same line recalibrates: p' = expit(a + b logit(p)).

    Args:
        y: "sample", 0 or 1, both present.
        probability: "sample".
        weights: "sample", how often each counts; without it once.

    Source: Cox 1958; Van Calster et al. 2016, doi:10.1016/j.jclinepi.2015.12.005.

    >>> a, b = calibration_slope(np.array([0.0, 1, 0, 1] * 25), np.array([0.2, 0.2, 0.6, 0.6] * 25))
    >>> round(a, 6), round(b, 6)
    (0.0, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    log_odds = logit(np.clip(probability, CERTAIN, 1 - CERTAIN))[:, None]
    with warnings.catch_warnings():
        # The line may separate the samples: the slope is then large, and its interval shows how uncertain it is.
        warnings.simplefilter("ignore")
        fitted = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(log_odds, y, weights)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])


def calibration_slope_intervals(
    y: Array, probability: Array, subject: NDArray[np.int64], replicates: int, confidence: float, seed: int = 0
) -> Mapping[str, dict[str, float | None]]:
    """``intercept`` and ``slope`` with intervals over draws of subjects; all null where a class is missing.

    Args:
        y, probability: "sample".
        subject: "sample", 0 to the number of subjects less one.
        replicates: of the bootstrap.
        confidence: of the intervals.
        seed: of the draws.
    """
    if len(np.unique(y)) < 2:
        return {name: {"value": None, "low": None, "high": None} for name in ("intercept", "slope")}
    measured = calibration_slope(y, probability)
    drawn = []
    for draws in multiplicities(
        np.zeros(int(subject.max()) + 1, dtype=np.int64), replicates, np.random.default_rng(seed)
    ):
        for drawn_times in draws.T:
            heavy = drawn_times[subject]
            both = 0 < (heavy * y).sum() < heavy.sum()
            drawn.append(calibration_slope(y, probability, heavy) if both else (np.nan, np.nan))
    table = np.array(drawn)
    return {
        name: Replicates(np.array([measured[column]]), table[:, column]).interval(confidence)
        for column, name in enumerate(("intercept", "slope"))
    }
