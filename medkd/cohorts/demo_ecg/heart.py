"""Hearts as one rotating dipole each, and its projection on twelve leads.

Each wave of a beat is a Gaussian in time along one direction of space (McSharry et al. 2003,
doi:10.1109/TBME.2003.808805, in the three dimensions of Sameni et al. 2007, doi:10.1155/2007/43407); leads are
projections of the dipole (Dower et al. 1980). Axes: x to the left, y to the feet, z to the back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WAVES = ("P", "Q", "R", "S", "terminal", "ST", "T")
_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],  # V2
        [0.882, 0.098, -1.277],  # V3
        [1.213, 0.127, -0.601],  # V4
        [1.125, 0.127, -0.086],  # V5
        [0.831, 0.076, 0.230],  # V6
    ]
)
SEEN_BY_I = _DOWER[0] / np.linalg.norm(_DOWER[0])
"""Unit vector of the axis of lead I."""

_CENTRE = np.array([-0.160, -0.022, 0.0, 0.024, 0.050, 0.120, 0.280])  # seconds after the R wave
_WIDTH = np.array([0.024, 0.009, 0.012, 0.011, 0.014, 0.040, 0.050])  # standard deviations, seconds
_DIPOLE = np.array(  # mV
    [
        [0.07, 0.10, -0.01],
        [-0.10, 0.02, -0.14],
        [0.85, 0.75, 0.25],
        [-0.12, -0.18, 0.42],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.24, 0.20, -0.14],
    ]
)


@dataclass(frozen=True)
class Hearts:
    """Many hearts, one per row.

    Args:
        dipole: "heart wave axis", mV.
        centre: "heart wave", seconds after the R wave.
        width: "heart wave", standard deviation in seconds.
        rate: "heart", beats per minute.
    """

    dipole: Array
    centre: Array
    width: Array
    rate: Array

    def rows(self, index: NDArray[np.int64] | slice) -> Hearts:
        """The hearts at ``index``."""
        return Hearts(self.dipole[index], self.centre[index], self.width[index], self.rate[index])

    def changed(self, **parts: Array) -> Hearts:
        """The same hearts with other parts."""
        return replace(self, **parts)


def healthy(rng: np.random.Generator, n: int, age: Array, variety: float) -> Hearts:
    """``n`` healthy hearts; ``variety`` scales the differences between them.

    Age (years) turns the axis to the left.
    """
    waves = len(WAVES)
    size = np.exp(0.1 * variety * rng.standard_normal((n, 1, 1)))
    each = np.exp(0.1 * variety * rng.standard_normal((n, waves, 1)))
    individual = (
        0.03 * variety * rng.standard_normal((n, waves, 3)) * np.array([0.3, 1.0, 1.5, 1.5, 1.5, 0.5, 0.8])[:, None]
    )
    frontal = np.deg2rad(7 * variety * rng.standard_normal(n) - 0.3 * (age - 55))
    level = np.deg2rad(6 * variety * rng.standard_normal(n))
    dipole = np.einsum("nab,nwb->nwa", _turn(frontal, level), _DIPOLE * size * each + individual)
    rate = np.clip(72 + 12 * rng.standard_normal(n), 45, 125)
    centre = _CENTRE * np.ones((n, 1)) + 0.002 * variety * rng.standard_normal((n, waves))
    centre[:, -2:] *= np.sqrt(60 / rate)[:, None]
    width = _WIDTH * np.exp(0.05 * variety * rng.standard_normal((n, waves)))
    return Hearts(dipole, centre, width, rate)


def beat_times(rng: np.random.Generator, rate: Array, seconds: float) -> Array:
    """Times of the beats, "heart beat" in seconds, from before the record to after it; the rate varies with breath."""
    beats = int(seconds * 3) + 4
    mean = 60 / rate[:, None]
    breath = rng.uniform(0.2, 0.35, (len(rate), 1))
    phase = rng.uniform(0, 2 * np.pi, (len(rate), 1))
    interval = mean * (
        1
        + 0.04 * np.sin(2 * np.pi * breath * mean * np.arange(beats) + phase)
        + 0.015 * rng.standard_normal((len(rate), beats))
    )
    return np.cumsum(interval, axis=1) - mean * (1 + rng.uniform(0, 1, (len(rate), 1)))


def dipoles(hearts: Hearts, beats: Array, times: Array) -> Array:
    """The dipole of each heart, "heart time axis" in mV.

    Args:
        hearts: their waves.
        beats: seconds of the beats, "heart beat".
        times: seconds, "time".
    """
    following = np.clip((beats[:, None, :] <= times[None, :, None]).sum(axis=2), 1, beats.shape[1] - 1)
    rows = np.arange(len(beats))[:, None]
    since = times - beats[rows, following - 1]
    until = times - beats[rows, following]
    out = np.zeros((len(beats), len(times), 3))
    for wave in range(len(WAVES)):
        centre, width = hearts.centre[:, wave, None], hearts.width[:, wave, None]
        course = np.exp(-0.5 * ((since - centre) / width) ** 2) + np.exp(-0.5 * ((until - centre) / width) ** 2)
        out += course[:, :, None] * hearts.dipole[:, wave, None, :]
    return out


def leads(dipole: Array, noise: Array) -> Array:
    """Twelve leads "heart lead time" in mV.

    Args:
        dipole: mV, "heart time axis".
        noise: mV on I, II, V1 to V6, "heart 8 time".
    """
    eight = np.einsum("la,nta->nlt", _DOWER, dipole) + noise
    one, two = eight[:, 0], eight[:, 1]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    twelve: Array = np.concatenate([np.stack(limb, axis=1), eight[:, 2:]], axis=1)
    return twelve


def _turn(frontal: Array, level: Array) -> Array:
    """Rotations "heart 3 3": first in the horizontal plane, then in the frontal one (radians, towards the feet)."""
    zero, unit = np.zeros_like(frontal), np.ones_like(frontal)
    flat = np.stack([np.cos(level), zero, -np.sin(level), zero, unit, zero, np.sin(level), zero, np.cos(level)], axis=1)
    face = np.stack(
        [np.cos(frontal), -np.sin(frontal), zero, np.sin(frontal), np.cos(frontal), zero, zero, zero, unit], axis=1
    )
    both: Array = np.einsum("nab,nbc->nac", face.reshape(-1, 3, 3), flat.reshape(-1, 3, 3))
    return both
