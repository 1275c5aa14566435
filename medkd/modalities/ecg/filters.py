"""Zero-phase filters and resampling."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal


@lru_cache(maxsize=64)
def design(rate: float, low: float, high: float, notch: float) -> NDArray[np.float64] | None:
    """Second-order sections of a Butterworth band-pass of order 2 and a notch of quality 30; None without either.

    Args:
        rate: samples per second, Hz.
        low: high-pass corner, Hz; 0 for none.
        high: low-pass corner, Hz; 0, or at least 0.95 of the Nyquist frequency, for none.
        notch: mains frequency, Hz; 0, or at least 0.95 of the Nyquist frequency, for none.
    """
    nyquist = rate / 2
    has_high = 0 < high < 0.95 * nyquist
    sections: list[NDArray[np.float64]] = []
    if low > 0 and has_high:
        sections.append(signal.butter(2, (low, high), btype="bandpass", fs=rate, output="sos"))
    elif low > 0:
        sections.append(signal.butter(2, low, btype="highpass", fs=rate, output="sos"))
    elif has_high:
        sections.append(signal.butter(2, high, btype="lowpass", fs=rate, output="sos"))
    if 0 < notch < 0.95 * nyquist:
        sections.append(signal.tf2sos(*signal.iirnotch(notch, Q=30, fs=rate)))
    return np.concatenate(sections) if sections else None


def filtered(values: NDArray[np.float64], rate: float, low: float, high: float, notch: float) -> NDArray[np.float64]:
    """``values`` "lead time", filtered forwards and backwards, without delay.

    Equal to ``scipy.signal.sosfiltfilt`` with ``padlen`` of one second, whose state at rest (a third of its time) is
    computed once.
    """
    sections = design(rate, low, high, notch)
    if sections is None:
        return values
    around = min(values.shape[1] - 1, round(rate))
    if around < 1:
        return values
    before = 2 * values[:, :1] - values[:, around:0:-1]
    after = 2 * values[:, -1:] - values[:, -2 : -2 - around : -1]
    out = np.concatenate([before, values, after], axis=1)
    rest = _rest(rate, low, high, notch)
    for _ in range(2):
        out, _end = signal.sosfilt(sections, out, axis=1, zi=rest * out[:, 0, None])
        out = out[:, ::-1]
    return out[:, around:-around]


def resampled(values: NDArray[np.float64], rate: float, wanted: float) -> NDArray[np.float64]:
    """``values`` "lead time" at another rate, by ``scipy.signal.resample_poly``, whose filter has no delay.

    >>> resampled(np.ones((1, 500)), 500.0, 100.0).shape
    (1, 100)
    """
    if rate == wanted:
        return values
    ratio = rate_ratio(rate, wanted)
    out: NDArray[np.float64] = signal.resample_poly(values, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    return out


def rate_ratio(rate: float, wanted: float) -> Fraction:
    """Samples at the wanted rate per sample at ``rate``, as ``resampled`` takes it.

    >>> rate_ratio(500.0, 100.0)
    Fraction(1, 5)
    """
    return Fraction(wanted / rate).limit_denominator(1000)


@lru_cache(maxsize=64)
def _rest(rate: float, low: float, high: float, notch: float) -> NDArray[np.float64]:
    """State of the sections after a long constant 1, "section 1 2"."""
    zi: NDArray[np.float64] = signal.sosfilt_zi(design(rate, low, high, notch))
    return zi[:, None, :]
