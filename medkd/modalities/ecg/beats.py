"""R peaks and median beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from medkd.modalities.ecg.filters import filtered

_QRS_BAND = (8.0, 25.0)
_REFRACTORY = 0.28  # seconds: 214 beats per minute
_ALIGN = 0.04  # seconds that a beat may move to fit the others


def r_peaks(values: NDArray[np.float64], rate: float) -> NDArray[np.int64]:
    """Sample numbers of the QRS complexes, by their slope energy over all leads, whatever their polarity.

    Band-pass, slope, square, sum over leads (each scaled by its own spread), smooth over 100 ms, peaks above a
    threshold that follows the median of the tallest peaks of each second and a half.
    Source: the steps of Pan and Tompkins 1985, doi:10.1109/TBME.1985.325532, with peaks found by scipy.

    Args:
        values: "lead time" in mV.
        rate: samples per second, Hz.
    """
    slope = np.gradient(filtered(values, rate, *_QRS_BAND, notch=0.0), axis=1)
    spread = slope.std(axis=1, keepdims=True)
    energy = np.sqrt((np.square(slope / np.where(spread > 0, spread, 1.0))).sum(axis=0))
    energy = ndimage.gaussian_filter1d(energy, 0.03 * rate, mode="nearest")
    block = max(1, round(1.5 * rate))
    whole = energy[: energy.size // block * block]
    tallest = np.median(whole.reshape(-1, block).max(axis=1)) if whole.size else energy.max()
    peaks, _ = signal.find_peaks(energy, height=0.4 * tallest, distance=max(1, round(_REFRACTORY * rate)))
    return np.asarray(peaks, dtype=np.int64)


def median_beat(
    values: NDArray[np.float64], rate: float, before: float, after: float, fewest: int = 3
) -> NDArray[np.float64] | None:
    """The median over beats, aligned to one another, "lead time"; None where fewer than ``fewest`` are whole.

    Args:
        values: "lead time" in mV.
        rate: samples per second, Hz.
        before: seconds before the QRS complex.
        after: seconds after it.
        fewest: beats below which there is no median.
    """
    starts = beat_starts(values, rate, before, after, fewest)
    if starts is None:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(values, round((before + after) * rate), axis=1)
    beat: NDArray[np.float64] = np.median(windows[:, starts], axis=1)
    return beat


def beat_starts(
    values: NDArray[np.float64], rate: float, before: float, after: float, fewest: int = 3
) -> NDArray[np.int64] | None:
    """Sample number of the beginning of each beat that is used; see ``median_beat``."""
    start, length, reach = round(before * rate), round((before + after) * rate), max(1, round(_ALIGN * rate))
    peaks = r_peaks(values, rate)
    peaks = peaks[(peaks - start - reach >= 0) & (peaks - start + length + reach <= values.shape[1])]
    if len(peaks) < fewest:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=1)
    shifts = np.arange(-reach, reach + 1)
    candidates = (
        windows[:, peaks[:, None] - start + shifts[None, :]].transpose(1, 2, 0, 3).reshape(len(peaks), len(shifts), -1)
    )
    candidates = candidates - candidates.mean(axis=2, keepdims=True)
    template = np.median(candidates[:, reach], axis=0)
    for _ in range(2):
        best = (candidates @ template).argmax(axis=1)
        chosen = candidates[np.arange(len(peaks)), best]
        alike = _correlation(chosen, template) > 0.5
        template = np.median(chosen[alike] if alike.sum() >= fewest else chosen, axis=0)
    # All beats move together by the median shift at most, so that the beat stays where its energy peaks.
    aligned = peaks + shifts[best] - int(np.median(shifts[best]))
    used = aligned[alike] if alike.sum() >= fewest else aligned
    starts: NDArray[np.int64] = used - start
    return starts


def _correlation(rows: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(rows, axis=1) * np.linalg.norm(template)
    out: NDArray[np.float64] = (rows @ template) / np.where(norm > 0, norm, 1.0)
    return out
