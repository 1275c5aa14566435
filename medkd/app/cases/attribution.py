"""Attribution of a student's score to its input: integrated gradients, or Shapley values for trees and tokens."""

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
CAUTION = (
    "It shows what moved this model's score, not what ails the patient, and not why; "
    "a part without colour may still matter to a physician."
)
_STEPS = 64
_PERMUTATIONS = 25
_BATCH = 64
_SEGMENTS, _WAVEFORM_SEGMENTS = 4, 20
"""Segments per channel: quarters, as in the trees' summary; of a waveform more."""


@dataclass(frozen=True)
class Attribution:
    """What each value of the prepared input added to a logit, compared with a reference input.

    Args:
        method: ``GRADIENTS`` or ``SHAPLEY``.
        class_name: a positive value supports this class.
        values: modality → "window channel ...", in logits (of a quantity in the target's unit). Their sum is
            ``difference``, up to ``error``.
        difference: the logit minus that of the reference.
        error: absolute difference between the sum of the values and ``difference``.
        against: the reference in words.
    """

    method: str
    class_name: str
    values: Mapping[str, NDArray[np.float64]]
    difference: float
    error: float
    against: str

    @property
    def title(self) -> str:
        """Method and reference, as the title of a figure."""
        return f"attribution ({self.method}, against {self.against})"


def attribute(bundle: Bundle, prepared: Prepared, class_name: str) -> Attribution:
    """Attribution of one sample's score of one class.

    Networks whose logits have a gradient: integrated gradients from the training mean (zero after normalisation), in 64
    steps of a Gauss-Legendre rule. Trees, other models without a gradient, and inputs that are not measurements
    (tokens): Shapley values of channel and quarter of the window (of a waveform a twentieth), by 25 permutations that
    are the same each time; a part that is left out is not observed. Source: Sundararajan et al. 2017, arXiv:1703.01365,
    eq. 2; Castro et al. 2009, doi:10.1016/j.cor.2008.04.004; both by Captum.

    Args:
        prepared: the output of ``bundle.prepare``: modality → "window channel ...".
        class_name: one of the target's names.

    Raises:
        InputError: there is no such class.
    """
    names = bundle.target.names
    if class_name not in names:
        raise InputError(f"no class '{class_name}'", where="attribution", remedy=nearest(class_name, names))
    output = names.index(class_name)
    inputs = tuple(torch.from_numpy(np.ascontiguousarray(prepared[part.modality])) for part in bundle.view.parts)
    forward = _forward(bundle, output)
    measured = all(bundle.modalities[part.modality].traits.measured for part in bundle.view.parts)
    if measured and _has_gradient(forward, inputs):
        return _gradients(bundle, inputs, forward, class_name)
    return _shapley(bundle, inputs, forward, class_name)


def overlay(attribution: Attribution, display: Display) -> NDArray[np.float64] | None:
    """The attribution on the axes of one modality's figure; None if the figure cannot show one.

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

    Where windows overlap they are added, as their logits are averaged. The attribution of an averaged beat is repeated
    at each stretch that was averaged; where two overlap the stronger one is taken.

    Args:
        attribution: "window lead step".
    """
    times = np.arange(strip.values.shape[1]) / strip.rate
    result = np.zeros((attribution.shape[1], len(times)))
    for number, (start, end) in enumerate(strip.stretches):
        window = attribution[0 if strip.averaged else number]
        steps = start + np.arange(window.shape[1]) * (end - start) / window.shape[1]
        inside = (times >= start) & (times < end)
        for lead, row in enumerate(window):
            new, old = np.interp(times[inside], steps, row), result[lead, inside]
            result[lead, inside] = np.where(abs(new) > abs(old), new, old) if strip.averaged else new + old
    return result


Forward = Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], Tensor]
"""Values "batch channel ..." and whether each was observed → logits "batch"."""


def _forward(bundle: Bundle, output: int) -> Forward:
    parts = [part.modality for part in bundle.view.parts]

    def forward(values: tuple[Tensor, ...], seen: tuple[Tensor, ...]) -> Tensor:
        signals = {}
        for name, part, is_seen in zip(parts, values, seen, strict=True):
            partial = bundle.modalities[name].traits.partial
            whole = torch.ones(len(part), dtype=torch.bool)
            signals[name] = observed(torch.where(is_seen, part, torch.nan if partial else 0.0), whole, partial=partial)
        logits: Tensor = bundle.network(signals).logits
        return logits[:, output]

    return forward


def _has_gradient(forward: Forward, inputs: tuple[Tensor, ...]) -> bool:
    with torch.enable_grad():
        values = tuple(torch.nan_to_num(part).requires_grad_() for part in inputs)
        try:
            return forward(values, tuple(~part.isnan() for part in inputs)).requires_grad
        except RuntimeError:
            # Code outside torch (NumPy, another runtime) refuses tensors that require a gradient.
            return False


def _gradients(bundle: Bundle, inputs: tuple[Tensor, ...], forward: Forward, class_name: str) -> Attribution:
    from captum.attr import IntegratedGradients

    seen = tuple(~part.isnan() for part in inputs)
    filled = tuple(torch.nan_to_num(part) for part in inputs)
    count = len(inputs)

    def mean_of(*tensors: Tensor) -> Tensor:
        return forward(tensors[:count], tensors[count:])

    with torch.enable_grad():
        method = IntegratedGradients(mean_of)
        baseline = tuple(torch.zeros_like(part) for part in filled)
        attributions, delta = method.attribute(
            filled,
            baseline,
            additional_forward_args=seen,
            n_steps=_STEPS,
            internal_batch_size=_BATCH,
            return_convergence_delta=True,
        )
    with torch.no_grad():
        difference = float((forward(filled, seen) - forward(baseline, seen)).double().mean())
    windows = len(inputs[0])
    values = {
        part.modality: row.double().numpy() / windows for part, row in zip(bundle.view.parts, attributions, strict=True)
    }
    return Attribution(
        GRADIENTS, class_name, values, difference, abs(float(delta.double().mean())), "the training mean"
    )


def _shapley(bundle: Bundle, inputs: tuple[Tensor, ...], forward: Forward, class_name: str) -> Attribution:
    from captum.attr import ShapleyValueSampling

    windows = len(inputs[0])
    values = {part.modality: np.zeros(row.shape) for part, row in zip(bundle.view.parts, inputs, strict=True)}
    difference = error = 0.0
    for window in range(windows):
        sample = tuple(part[window : window + 1] for part in inputs)
        groups, total = _groups(sample)
        if not total:
            continue

        def logits_of(
            which: Tensor, sample: tuple[Tensor, ...] = sample, groups: tuple[Tensor, ...] = groups
        ) -> Tensor:
            # Group 0 holds what was not observed anyway.
            which = torch.cat([torch.zeros(len(which), 1), which], dim=1) > 0
            seen = tuple(which[:, group] for group in groups)
            return forward(tuple(torch.nan_to_num(part).expand(len(which), *part.shape[1:]) for part in sample), seen)

        everything = torch.ones(1, total)
        method = ShapleyValueSampling(logits_of)
        # Not from torch's own state, which other readers' requests share.
        method.permutation_generator = _permutations
        with torch.no_grad():
            contributions = method.attribute(everything, n_samples=_PERMUTATIONS, perturbations_per_eval=_BATCH)[
                0
            ].double()
            gap = float(logits_of(everything).double() - logits_of(torch.zeros_like(everything)).double())
        difference += gap / windows
        error += abs(float(contributions.sum()) - gap) / windows
        # A group's contribution is divided evenly among its observed values, so that the sum stays.
        size = torch.bincount(torch.cat([group.flatten() for group in groups]), minlength=total + 1).double()
        spread = torch.cat([torch.zeros(1, dtype=torch.float64), contributions]) / size.clamp(min=1) / windows
        for part, group in zip(bundle.view.parts, groups, strict=True):
            values[part.modality][window] = spread[group].numpy()
    return Attribution(SHAPLEY, class_name, values, difference, error, "what is left when parts are not observed")


def _permutations(features: int, samples: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(0)
    for _ in range(samples):
        yield rng.permutation(features).tolist()


def _groups(sample: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], int]:
    """Per value "channel ..." the number of its group, 0 where it was not observed; and the number of groups."""
    groups: list[Tensor] = []
    total = 0
    for row in sample:
        values = row[0]
        steps = values.shape[1] if values.ndim > 1 else 1
        segments = min(steps, _SEGMENTS if steps <= 10 * _WAVEFORM_SEGMENTS else _WAVEFORM_SEGMENTS)
        channel = torch.arange(values.shape[0]).view(-1, *(1,) * (values.ndim - 1))
        segment = torch.arange(steps) * segments // steps
        segment = segment.view(1, -1, *(1,) * (values.ndim - 2)) if values.ndim > 1 else segment
        number = (channel * segments + segment).expand_as(values)
        seen = ~values.isnan()
        used, order = torch.unique(number[seen], return_inverse=True)
        group = torch.zeros_like(values, dtype=torch.int64)
        group[seen] = order + 1 + total
        groups.append(group)
        total += len(used)
    return tuple(groups), total
