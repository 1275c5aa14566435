"""Training of stacked networks, each with a weight and a decay of its own, with results after several steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from medkd.benchmark.stacked.network import State
from medkd.benchmark.stacked.training_set import TrainingSet
from medkd.benchmark.stacked.training_step import Build, Setting, StackedStep

AVERAGED = 0.95
"""Decay of the running average of the weights, which is the result."""
PROBED = 8
"""Batches over which the gradients at the start are compared."""


def train(
    training_set: TrainingSet,
    rate: float,
    settings: Sequence[Setting],
    stops: Sequence[int],
    build: Build | None = None,
) -> dict[int, State]:
    """Train a network for each setting and dataset, all at once, by AdamW at a constant rate.

    Networks do not affect one another: each gets the gradient of its own loss, and AdamW works entry by entry.

    Args:
        training_set: one dataset per network.
        rate: of AdamW.
        settings: weight and decay of each copy; only weights with more than one axis decay.
        stops: steps, rising; training ends at the last.
        build: makes the objective, whose parameters are trained with the network's; without it networks learn from
            labels alone.

    Returns:
        Stop → running averages of the stacked networks' weights, all datasets of the first setting first.
    """
    stacked = StackedStep(training_set, settings, build)
    matrices = [value for value in stacked.learned if value.dim() > 2]
    optimiser = torch.optim.Adam(stacked.learned, lr=rate, fused=True)
    average = {name: value.detach().clone() for name, value in stacked.network.items()}
    averages: dict[int, State] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(stops[-1]):
            inputs = stacked.inputs(step)
            label, distilled, student = stacked.losses(inputs)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward((label + stacked.weight * distilled).sum())
            with torch.no_grad():
                # Decay apart from the gradient is what makes Adam AdamW; torch's own has one decay for all networks.
                for value in matrices:
                    value.mul_((1 - rate * stacked.decay).reshape(-1, *[1] * (value.dim() - 1)))
                optimiser.step()
                # Young averages follow faster, so that the untrained network does not linger in them.
                share = min(AVERAGED, (1 + step) / (10 + step))
                torch._foreach_lerp_(list(average.values()), list(stacked.network.values()), 1 - share)
            stacked.update(student, inputs)
            if step + 1 in stops:
                averages[step + 1] = {name: value.clone() for name, value in average.items()}
    return averages


def gradient_ratio(training_set: TrainingSet, build: Build) -> float:
    """Norm of the label's gradient over that of the objective's, at the start.

    The median over datasets of means over some batches. Objectives differ in scale by orders of magnitude; multiplied
    by this ratio, all of them move the untrained network alike.
    """
    stacked = StackedStep(training_set, [Setting(0.0, 1.0)], build)
    weights = list(stacked.network.values())
    norms = torch.zeros(2, len(training_set.seeds))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(min(PROBED, len(training_set.batches))):
            losses = stacked.losses(stacked.inputs(step))[:2]
            for index, loss in enumerate(losses):
                gradients = torch.autograd.grad(loss.sum(), weights, retain_graph=index == 0, materialize_grads=True)
                squares = [part.flatten(1).square().sum(dim=1) for part in gradients]
                norms[index] += torch.stack(squares).sum(dim=0).sqrt()
    return float((norms[0] / norms[1].clamp(min=1e-12)).median())
