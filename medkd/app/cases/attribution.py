"""Which parts of a student's input moved its score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.display import Display, Strip, Trend
from medkd.data.core.signal import observed
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.preprocessing import Prepared
from medkd.errors import InputError, nearest

GRADIENTS, SHAPLEY = "integrated gradients", "Shapley values"
CAUTION = "It shows what moved this model's score, not what ails the patient, and not why; a part without colour may still matter to a physician."
_STEPS = 64
_PERMUTATIONS = 25
_AT_ONCE = 64
_FEW, _MANY = 4, 20
"""Pieces that a channel is cut into: quarters, as the trees' summary has them, or of a waveform more."""


@dataclass(frozen=True)
class Attribution:
    """How much each value of the prepared input added to a logit, against an input at the training mean or not observed.

    Args:
        method: how it was found.
        class_name: of which class; a positive value speaks for it.
        values: modality → "window channel ...", in logits (in the target's unit where it is a quantity). All of them
            add up to ``difference``, but for ``error``.
        difference: the logit less that of the input that it is compared with.
        error: the absolute difference between the sum of the values and ``difference``.
        against: words for what it is compared with.
    """

    method: str
    class_name: str
    values: Mapping[str, NDArray[np.float64]]
    difference: float
    error: float
    against: str

    @property
    def title(self) -> str:
        """What a figure calls it."""
        return f"attribution ({self.method}, against {self.against})"


def attribute(bundle: Bundle, prepared: Prepared, class_name: str) -> Attribution:
    """Of one sample and class.

    Networks whose logits have a gradient: integrated gradients from the training mean (zero after normalisation), in 64
    steps of a Gauss-Legendre rule. Trees, and whatever else has none or takes no measurements (tokens): Shapley values
    of channel and quarter of the window (a twentieth, of a waveform), by 25 permutations that are the same each time; a
    part that is left out is not observed. Source: Sundararajan et al. 2017, arXiv:1703.01365, eq. 2; Castro et al.
    2009, doi:10.1016/j.cor.2008.04.004; both by Captum.

    Args:
        bundle: whose network.
        prepared: what ``bundle.prepare`` gave: modality → "window channel ...".
        class_name: one of the target's names.

    Raises:
        InputError: there is no such class.
    """
    names = bundle.target.names
    if class_name not in names:
        raise InputError(f"no class '{class_name}'", where="attribution", remedy=nearest(class_name, names))
    output = names.index(class_name)
    given = tuple(torch.from_numpy(np.ascontiguousarray(prepared[part.modality])) for part in bundle.view.parts)
    forward = _forward(bundle, output)
    if all(bundle.modalities[part.modality].measured for part in bundle.view.parts) and _has_gradient(forward, given):
        return _gradients(bundle, given, forward, class_name)
    return _shapley(bundle, given, forward, class_name)


def overlay(attribution: Attribution, display: Display) -> NDArray[np.float64] | None:
    """What a figure of one modality lays over it; None where there is no place for it.

    Returns:
        "seen_lead time" on a strip's own samples, "seen_variable cell" over the window of a trend.
    """
    values = attribution.values.get(display.modality)
    if values is None:
        return None
    if isinstance(display, Strip):
        return along(values, display)
    return values[0] if isinstance(display, Trend) and display.seen else None


def along(attribution: NDArray[np.float64], strip: Strip) -> NDArray[np.float64]:
    """One modality's attribution on the time axis of its strip, "seen_lead time": 0 where the student saw nothing.

    Where windows overlap they are added, as their logits are averaged. An average's is repeated at each stretch that
    went into it; where two overlap the stronger one stands.

    Args:
        attribution: "window lead step".
        strip: the recording.
    """
    times = np.arange(strip.values.shape[1]) / strip.rate
    found = np.zeros((attribution.shape[1], len(times)))
    for place, (start, end) in enumerate(strip.stretches):
        window = attribution[0 if strip.averaged else place]
        steps = start + np.arange(window.shape[1]) * (end - start) / window.shape[1]
        inside = (times >= start) & (times < end)
        for lead, row in enumerate(window):
            here, there = np.interp(times[inside], steps, row), found[lead, inside]
            found[lead, inside] = np.where(abs(here) > abs(there), here, there) if strip.averaged else here + there
    return found


Forward = Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], Tensor]
"""Values "batch channel ..." and whether each was observed → logits "batch"."""


def _forward(bundle: Bundle, output: int) -> Forward:
    parts = [part.modality for part in bundle.view.parts]

    def forward(values: tuple[Tensor, ...], seen: tuple[Tensor, ...]) -> Tensor:
        signals = {}
        for name, part, here in zip(parts, values, seen, strict=True):
            partial = bundle.modalities[name].partial
            whole = torch.ones(len(part), dtype=torch.bool)
            signals[name] = observed(torch.where(here, part, torch.nan if partial else 0.0), whole, partial=partial)
        logits: Tensor = bundle.network(signals).logits
        return logits[:, output]

    return forward


def _has_gradient(forward: Forward, given: tuple[Tensor, ...]) -> bool:
    with torch.enable_grad():
        values = tuple(torch.nan_to_num(part).requires_grad_() for part in given)
        try:
            return forward(values, tuple(~part.isnan() for part in given)).requires_grad
        except RuntimeError:
            # What leaves torch (NumPy, another runtime) refuses tensors that want a gradient.
            return False


def _gradients(bundle: Bundle, given: tuple[Tensor, ...], forward: Forward, class_name: str) -> Attribution:
    from captum.attr import IntegratedGradients

    seen = tuple(~part.isnan() for part in given)
    filled = tuple(torch.nan_to_num(part) for part in given)
    count = len(given)

    def mean_of(*tensors: Tensor) -> Tensor:
        return forward(tensors[:count], tensors[count:])

    with torch.enable_grad():
        method = IntegratedGradients(mean_of)
        baseline = tuple(torch.zeros_like(part) for part in filled)
        found, delta = method.attribute(
            filled,
            baseline,
            additional_forward_args=seen,
            n_steps=_STEPS,
            internal_batch_size=_AT_ONCE,
            return_convergence_delta=True,
        )
    with torch.no_grad():
        difference = float((forward(filled, seen) - forward(baseline, seen)).double().mean())
    windows = len(given[0])
    values = {part.modality: row.double().numpy() / windows for part, row in zip(bundle.view.parts, found, strict=True)}
    return Attribution(
        GRADIENTS, class_name, values, difference, abs(float(delta.double().mean())), "the training mean"
    )


def _shapley(bundle: Bundle, given: tuple[Tensor, ...], forward: Forward, class_name: str) -> Attribution:
    from captum.attr import ShapleyValueSampling

    windows = len(given[0])
    values = {part.modality: np.zeros(row.shape) for part, row in zip(bundle.view.parts, given, strict=True)}
    difference = error = 0.0
    for window in range(windows):
        sample = tuple(part[window : window + 1] for part in given)
        groups, total = _groups(sample)
        if not total:
            continue

        def kept(which: Tensor, sample: tuple[Tensor, ...] = sample, groups: tuple[Tensor, ...] = groups) -> Tensor:
            # Place 0 stands for what was not observed anyway.
            which = torch.cat([torch.zeros(len(which), 1), which], dim=1) > 0
            seen = tuple(which[:, group] for group in groups)
            return forward(tuple(torch.nan_to_num(part).expand(len(which), *part.shape[1:]) for part in sample), seen)

        everything = torch.ones(1, total)
        method = ShapleyValueSampling(kept)
        # Not from torch's own state, which other readers' requests share.
        method.permutation_generator = _permutations
        with torch.no_grad():
            shares = method.attribute(everything, n_samples=_PERMUTATIONS, perturbations_per_eval=_AT_ONCE)[0].double()
            apart = float(kept(everything).double() - kept(torch.zeros_like(everything)).double())
        difference += apart / windows
        error += abs(float(shares.sum()) - apart) / windows
        # A part's share is spread over its observed values evenly, so that the sum stays.
        size = torch.bincount(torch.cat([group.flatten() for group in groups]), minlength=total + 1).double()
        spread = torch.cat([torch.zeros(1, dtype=torch.float64), shares]) / size.clamp(min=1) / windows
        for part, group in zip(bundle.view.parts, groups, strict=True):
            values[part.modality][window] = spread[group].numpy()
    return Attribution(SHAPLEY, class_name, values, difference, error, "what is left when parts are not observed")


def _permutations(features: int, samples: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(0)
    for _ in range(samples):
        yield rng.permutation(features).tolist()


def _groups(sample: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], int]:
    """For each value "channel ..." the number of the part that it belongs to, 0 where it was not observed.

    And how many parts there are.
    """
    groups: list[Tensor] = []
    total = 0
    for row in sample:
        values = row[0]
        steps = values.shape[1] if values.ndim > 1 else 1
        pieces = min(steps, _FEW if steps <= 10 * _MANY else _MANY)
        channel = torch.arange(values.shape[0]).view(-1, *(1,) * (values.ndim - 1))
        place = torch.arange(steps) * pieces // steps
        place = place.view(1, -1, *(1,) * (values.ndim - 2)) if values.ndim > 1 else place
        number = (channel * pieces + place).expand_as(values)
        seen = ~values.isnan()
        used, order = torch.unique(number[seen], return_inverse=True)
        group = torch.zeros_like(values, dtype=torch.int64)
        group[seen] = order + 1 + total
        groups.append(group)
        total += len(used)
    return tuple(groups), total
