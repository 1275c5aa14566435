"""Augmentations of an ECG: strengths, parameters drawn from them, and their effect.

The effect is a function of values and parameters alone, and is computed for a whole batch at once. Parameters belong to
a sample and, where they differ between leads, to the index of a lead in its view; so a model with twelve leads and one
with lead I share them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.modality import Params

_LEADS = 12
_WANDER = 3
_STEP = 379  # samples between the noise of one lead and of the next: white noise is uncorrelated with itself at any lag


@dataclass(frozen=True)
class Strengths:
    """Strengths of augmentations; 0 is off.

    Args:
        amplitude: standard deviation of the natural logarithm of one gain per sample.
        lead_amplitude: the same, of one more gain per lead.
        noise: standard deviation of white noise, as a share of each lead's own standard deviation.
        wander: amplitude of baseline wander of 0.05 to 0.5 Hz, as a share of each lead's own standard deviation.
        shift: largest shift in time to either side, seconds.
        stretch: largest change of the time scale, as a share: 0.1 is between 0.9 and 1.1 times as fast.
        mask: largest share of the time that is set to zero, in one piece.
        lead_dropout: probability that a lead is set to zero; one lead always remains.
    """

    amplitude: float = 0.0
    lead_amplitude: float = 0.0
    noise: float = 0.0
    wander: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    mask: float = 0.0
    lead_dropout: float = 0.0


def draw(strengths: Strengths, rng: np.random.Generator, n: int, length: int, rate: float) -> Params:
    """Parameters for ``n`` samples of ``length`` time steps; only those of augmentations that are on.

    Returns:
        gain "n", lead_gain "n 12", noise "n time" with noise_level "n", wander_amplitude, wander_cycles and
        wander_phase "n 3", shift "n" in time steps, stretch "n", mask "n 2" as start and length in shares of the time,
        lead_rank "n 12" in [0, 1) with lead_dropout "n".
    """
    params: dict[str, NDArray[np.float32]] = {}

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32)

    def uniform(low: float, high: float, *shape: int) -> NDArray[np.float32]:
        return rng.uniform(low, high, shape).astype(np.float32)

    if strengths.amplitude:
        params["gain"] = np.exp(strengths.amplitude * normal(n), dtype=np.float32)
    if strengths.lead_amplitude:
        params["lead_gain"] = np.exp(strengths.lead_amplitude * normal(n, _LEADS), dtype=np.float32)
    if strengths.shift:
        params["shift"] = np.rint(uniform(-strengths.shift, strengths.shift, n) * np.float32(rate))
    if strengths.stretch:
        params["stretch"] = 1 + uniform(-strengths.stretch, strengths.stretch, n)
    if strengths.noise:
        params["noise"] = normal(n, length)
        params["noise_level"] = uniform(0, strengths.noise, n)
    if strengths.wander:
        params["wander_amplitude"] = uniform(0, strengths.wander, n, _WANDER) / np.float32(_WANDER)
        params["wander_cycles"] = uniform(0.05, 0.5, n, _WANDER) * np.float32(length / rate)
        params["wander_phase"] = uniform(0, 2 * math.pi, n, _WANDER)
    if strengths.mask:
        share = uniform(0, strengths.mask, n)
        params["mask"] = np.stack([uniform(0, 1, n) * (1 - share), share], axis=1)
    if strengths.lead_dropout:
        params["lead_rank"] = uniform(0, 1, n, _LEADS)
        params["lead_dropout"] = np.full(n, strengths.lead_dropout, np.float32)
    return params


def apply(values: Tensor, params: Params, wraps: bool) -> Tensor:
    """``values`` "batch lead time" under ``params``: warped in time, scaled, disturbed, then masked.

    Args:
        values: float, any units.
        params: from ``draw``, for as many samples.
        wraps: whether a shift wraps round (rhythm) or repeats the edge (a single beat).
    """
    drawn = {name: torch.as_tensor(array, device=values.device).to(values.dtype) for name, array in params.items()}
    leads, length = values.shape[1], values.shape[2]
    if "shift" in drawn or "stretch" in drawn:
        values = _warped(values, drawn.get("shift"), drawn.get("stretch"), wraps)
    if "gain" in drawn:
        values = values * drawn["gain"][:, None, None]
    if "lead_gain" in drawn:
        values = values * drawn["lead_gain"][:, :leads, None]
    if "noise" in drawn or "wander_amplitude" in drawn:
        values = values + values.std(dim=2, keepdim=True) * _disturbance(drawn, leads, length)
    if "mask" in drawn:
        when = (torch.arange(length, device=values.device, dtype=values.dtype) + 0.5) / length
        start, share = drawn["mask"][:, :1], drawn["mask"][:, 1:]
        values = values.masked_fill(((when >= start) & (when < start + share))[:, None, :], 0.0)
    if "lead_rank" in drawn:
        rank = drawn["lead_rank"][:, :leads]
        lost = (rank < drawn["lead_dropout"][:, None]) & (rank < rank.amax(dim=1, keepdim=True))
        values = values.masked_fill(lost[:, :, None], 0.0)
    return values


def _warped(values: Tensor, shift: Tensor | None, stretch: Tensor | None, wraps: bool) -> Tensor:
    batch, leads, length = values.shape
    position = torch.arange(length, device=values.device, dtype=values.dtype).expand(batch, length)
    if stretch is not None:
        centre = (length - 1) / 2
        position = (position - centre) * stretch[:, None] + centre
    if shift is not None:
        position = position - shift[:, None]
    floor = position.floor()
    before = _inside(floor.long(), length, wraps)
    out = values.gather(2, before[:, None, :].expand(batch, leads, length))
    if stretch is None:
        return out
    after = _inside(floor.long() + 1, length, wraps)
    return torch.lerp(
        out, values.gather(2, after[:, None, :].expand(batch, leads, length)), (position - floor)[:, None, :]
    )


def _inside(index: Tensor, length: int, wraps: bool) -> Tensor:
    return index.remainder(length) if wraps else index.clamp(0, length - 1)


def _disturbance(drawn: dict[str, Tensor], leads: int, length: int) -> Tensor:
    """Noise and wander "batch lead time", for leads of standard deviation 1."""
    parts: list[Tensor] = []
    if "noise" in drawn:
        noise = drawn["noise"] * drawn["noise_level"][:, None]
        parts.append(torch.stack([noise.roll(_STEP * lead, dims=1) for lead in range(leads)], dim=1))
    if "wander_amplitude" in drawn:
        first = next(iter(drawn.values()))
        when = torch.arange(length, device=first.device, dtype=first.dtype) / length
        turns = 2 * math.pi * drawn["wander_cycles"][:, :, None] * when + drawn["wander_phase"][:, :, None]
        wave = (drawn["wander_amplitude"][:, :, None] * turns.sin()).sum(dim=1)
        parts.append(wave[:, None, :].expand(-1, leads, -1))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]
