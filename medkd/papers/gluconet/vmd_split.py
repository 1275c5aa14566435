"""Variational mode decomposition of glucose into a slow and a fast part: the release's, and a causal one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Spectra = NDArray[np.complex128]
MODES, SLOW = 10, 8
ALPHA, TOLERANCE, SWEEPS = 2000.0, 1e-7, 499


def modes(signals: Array) -> Array:
    r"""The ten modes of each signal, "signal mode time"; of an odd length the last sample is dropped.

    A signal is mirrored by half its length on both sides; on its positive frequencies each mode's spectrum is in turn
    û_k = (f̂ - Σ_{i≠k} û_i) / (1 + 2000 (ω - ω_k)²), its centre ω_k the mean frequency by power, until a sweep changes
    little. As in the release's library (vmdpy 0.2) the spectra of the sweep before the last are returned, and modes are
    not sorted.

    Args:
        signals: "signal time", at least two samples long.

    Source: Dragomiretskiy and Zosso 2014, doi:10.1109/TSP.2013.2288675, with alpha 2000, tau 0 and ω_k starting at
    k/20.
    """
    even = signals[:, : signals.shape[1] // 2 * 2]
    half = even.shape[1] // 2
    mirrored = np.concatenate([even[:, :half][:, ::-1], even, even[:, half:][:, ::-1]], axis=1)
    size = mirrored.shape[1]
    whole = np.fft.fftshift(np.fft.fft(mirrored, axis=1), axes=1)[:, size // 2 :]
    converged = np.zeros((len(even), MODES, size // 2), dtype=np.complex128)
    unfinished, spectra = np.arange(len(even)), converged.copy()
    centre = np.tile(0.5 / MODES * np.arange(MODES), (len(even), 1))
    for sweep in range(SWEEPS):
        before = spectra.copy()
        _sweep(whole, spectra, centre)
        change = np.finfo(np.float64).eps + (np.abs(spectra - before) ** 2).sum(axis=(1, 2)) / size
        done = (change <= TOLERANCE) | (sweep == SWEEPS - 1)
        converged[unfinished[done]] = before[done]
        whole, spectra, centre, unfinished = whole[~done], spectra[~done], centre[~done], unfinished[~done]
        if not len(unfinished):
            break
    return _in_time(converged, size)


def _sweep(whole: Spectra, spectra: Spectra, centre: Array) -> None:
    """Each mode in turn, from the newest values of the others; changed in place."""
    frequency = np.arange(whole.shape[1]) / (2 * whole.shape[1])
    total = spectra.sum(axis=1)
    for k in range(MODES):
        total -= spectra[:, k]
        spectra[:, k] = (whole - total) / (1 + ALPHA * (frequency - centre[:, k, None]) ** 2)
        total += spectra[:, k]
        power = spectra[:, k].real ** 2 + spectra[:, k].imag ** 2
        centre[:, k] = power @ frequency / power.sum(axis=1)


def _in_time(spectra: Spectra, size: int) -> Array:
    """Real modes from their positive frequencies; the mirrored quarters are cut off."""
    middle = size // 2
    both = np.zeros((*spectra.shape[:2], size), dtype=np.complex128)
    both[..., middle:] = spectra
    both[..., 1 : middle + 1] = np.conj(spectra[..., ::-1])
    both[..., 0] = np.conj(both[..., -1])
    time: Array = np.fft.ifft(np.fft.ifftshift(both, axes=-1), axis=-1).real
    return time[..., size // 4 : 3 * size // 4]


def vmd_split_released(signal: Array) -> tuple[Array, Array]:
    """Slow (modes 0 to 7) and fast part (8 and 9) of a whole series at once: every sample depends on its own future.

    >>> slow, fast = vmd_split_released(np.arange(8.0))
    >>> slow.shape, fast.shape
    ((8,), (8,))
    """
    parts = modes(signal[None])[0]
    return parts[:SLOW].sum(axis=0), parts[SLOW:].sum(axis=0)


def vmd_split(windows: Array) -> tuple[Array, Array]:
    """Slow and fast part of each window by itself, which a forecast at its end can compute; their sum is the window.

    The remainder of the truncated decomposition is counted as fast, so that nothing of the window is lost.

    Args:
        windows: "window time", each ending at its forecast's origin; of an even length.
    """
    slow = modes(windows)[:, :SLOW].sum(axis=1)
    return slow, windows - slow


def _released(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    slow, fast = vmd_split_released(inputs["signal"].numpy())
    return {"low": torch.from_numpy(slow), "high": torch.from_numpy(fast)}


GOLDEN = {"gluconet/vmd_split": _released}
