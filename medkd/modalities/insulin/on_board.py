"""Insulin on board: what a dose has not yet done, by the minutes since it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def exponential_curve(minutes: Array, peak: float, duration: float) -> Array:
    r"""The exponential insulin-on-board curve as a formula, with no regard to where it holds (0 to ``duration`` minutes).

    τ = p(1-p/d)/(1-2p/d), a = 2τ/d, S = 1/(1-a+(1+a)e^(-d/τ)), IOB(t) = 1 - S(1-a)((t²/(τd(1-a)) - t/τ - 1)e^(-t/τ) +
    1).

    Args:
        minutes: since the dose.
        peak: minute of greatest activity, below half of ``duration``.
        duration: minutes after which a dose is spent.

    Source: the curve of the Loop project, as GlucoNet (Farahmand et al., arXiv:2411.10703) uses it with 55 and 360
    minutes.
    """
    tau = peak * (1 - peak / duration) / (1 - 2 * peak / duration)
    a = 2 * tau / duration
    scale = 1 / (1 - a + (1 + a) * np.exp(-duration / tau))
    inner = (minutes**2 / (tau * duration * (1 - a)) - minutes / tau - 1) * np.exp(-minutes / tau) + 1
    curve: Array = 1 - scale * (1 - a) * inner
    return curve


def on_board(minutes: Array, peak: float = 55.0, duration: float = 360.0) -> Array:
    """The share of a dose that is left: 0 before it is taken and once it is spent.

    >>> on_board(np.array([-1.0, 0.0, 360.0, 400.0])).round(6).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    within = (minutes >= 0) & (minutes <= duration)
    return np.where(within, exponential_curve(np.where(within, minutes, 0.0), peak, duration), 0.0)
