"""Insulin doses before (or around) a forecast, as insulin on board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medkd.modalities.cgm.history import Curve, Intakes


def exponential_curve(minutes: NDArray[np.float64], peak: float, duration: float) -> NDArray[np.float64]:
    r"""The exponential insulin-on-board curve as a formula, valid from 0 to ``duration`` minutes only.

    τ = p(1-p/d)/(1-2p/d), a = 2τ/d, S = 1/(1-a+(1+a)e^(-d/τ)), IOB(t) = 1 - S(1-a)((t²/(τd(1-a)) - t/τ - 1)e^(-t/τ) +
    1).

    Args:
        minutes: since the dose.
        peak: minute of greatest activity, below half of ``duration``.
        duration: minutes after which nothing of a dose remains.

    Source: the curve of the Loop project, as GlucoNet (Farahmand et al., arXiv:2411.10703) uses it with 55 and 360
    minutes.
    """
    tau = peak * (1 - peak / duration) / (1 - 2 * peak / duration)
    a = 2 * tau / duration
    scale = 1 / (1 - a + (1 + a) * np.exp(-duration / tau))
    inner = (minutes**2 / (tau * duration * (1 - a)) - minutes / tau - 1) * np.exp(-minutes / tau) + 1
    curve: NDArray[np.float64] = 1 - scale * (1 - a) * inner
    return curve


def on_board(minutes: NDArray[np.float64], peak: float = 55.0, duration: float = 360.0) -> NDArray[np.float64]:
    """The share of a dose that remains: 0 before it is taken, and after ``duration``.

    >>> on_board(np.array([-1.0, 0.0, 360.0, 400.0])).round(6).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    within = (minutes >= 0) & (minutes <= duration)
    return np.where(within, exponential_curve(np.where(within, minutes, 0.0), peak, duration), 0.0)


CURVES: Mapping[str, Curve] = {
    "bolus": partial(on_board, peak=55.0, duration=360.0),
    "premixed": partial(on_board, peak=120.0, duration=960.0),
    "basal": partial(on_board, peak=480.0, duration=1440.0),
}
"""For a bolus the constants of GlucoNet's release; for slower kinds ours, rounded from the hours on their labels."""


@dataclass(frozen=True)
class Insulin(Intakes):
    """Insulin on board in units, "variable cell": doses added up, each by the minutes since it.

    Variables: ``bolus`` (rapid and short-acting: injected, pumped or infused), ``premixed``, ``basal`` (long-acting, or
    a pump's basal rate as units per 15 minutes). Doses before the window's start are not seen. NaN, or an absent
    modality, is a log that was not kept; zero is a log without a dose.

    Args:
        variables: which, in this order; empty means all.
        hours: length of a part that names no window, before time zero.
        step: hours per cell.
        aggregate: not used: doses add up.
    """

    name: ClassVar[str] = "insulin"
    hours: float = 6.0

    @classmethod
    def curves(cls) -> Mapping[str, Curve]:
        """Insulin on board of each kind."""
        return CURVES
