"""Risk-adjusted CUSUM chart: the accumulated evidence that outcomes have left their predicted risks."""

from __future__ import annotations

import numpy as np

from medkd.errors import InputError
from medkd.evidence.statistics.metrics import Array

_CELLS = 4_000_000
"""Simulated outcomes in memory at a time."""


def risk_adjusted_cusum(y: Array, probability: Array, odds_ratio: float) -> Array:
    """S_t = max(0, S_{t-1} + W_t), with W_t = y log R - log(1 - p + R p).

    W is the log-likelihood ratio of odds that are R = ``odds_ratio`` times those predicted. S stays near zero while the
    predictions hold, and climbs once the odds have changed towards R.

    Args:
        y: "... time", 0 or 1, in the order of time.
        probability: "time", calibrated.
        odds_ratio: R > 0, not 1: 2 looks for doubled odds, 0.5 for halved ones.

    Source: Steiner et al. 2000, doi:10.1093/biostatistics/1.4.441, eq. 2 with R_0 = 1.

    >>> risk_adjusted_cusum(np.array([0.0, 1, 1]), np.array([0.5, 0.5, 0.5]), 2.0).round(3).tolist()
    [0.0, 0.288, 0.575]
    """
    if not odds_ratio > 0 or odds_ratio == 1:
        raise InputError(
            f"odds ratio is {odds_ratio}", where="cusum", remedy="Give a number above 0 other than 1, such as 2"
        )
    steps = y * np.log(odds_ratio) - np.log1p((odds_ratio - 1) * probability)
    total = np.cumsum(steps, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(total, axis=-1), 0.0)
    path: Array = total - lowest
    return path


def alarm_limit(
    probability: Array, odds_ratio: float, false_alarm: float = 0.01, simulations: int = 1000, seed: int = 0
) -> float:
    """The height that a chart of this length exceeds with probability ``false_alarm`` while the predictions hold.

    Simulated: outcomes are drawn from the predictions themselves, each sample independently.

    Args:
        probability, odds_ratio: as for ``risk_adjusted_cusum``.
        false_alarm: above 0 and below 1.
        simulations: series drawn.
    """
    rng = np.random.default_rng(seed)
    highest: list[Array] = []
    step = max(1, _CELLS // max(1, len(probability)))
    for start in range(0, simulations, step):
        drawn = rng.random((min(step, simulations - start), len(probability))) < probability
        highest.append(risk_adjusted_cusum(drawn.astype(np.float64), probability, odds_ratio).max(axis=1))
    return float(np.quantile(np.concatenate(highest), 1 - false_alarm))
