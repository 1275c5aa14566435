"""The training loop of the benchmark.

Many networks at once, each with a weight and a decay of its own, kept at several steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from medkd.benchmark.stacked_network import State
from medkd.benchmark.stacked_step import Build, Course, Try
from medkd.benchmark.training_set import Lesson

AVERAGED = 0.95
"""Decay of the running average of the weights that is kept."""
PROBED = 8
"""Batches over which the gradients at the start are compared."""


def train(
    lesson: Lesson, rate: float, tries: Sequence[Try], stops: Sequence[int], build: Build | None = None
) -> dict[int, State]:
    """Train a network for each try and problem, all at once, by AdamW at a constant rate.

    Their running averages after ``stops`` steps.

    Networks do not touch one another: each gets the gradient of its own loss, and AdamW works entry by entry.

    Args:
        lesson: what they are trained on.
        rate: of AdamW.
        tries: weight and decay of each copy; of the weights, those with more than one axis decay.
        stops: steps, rising; training ends at the last.
        build: makes the objective, whose parameters are trained with the network's; None trains on labels alone.

    Returns:
        Steps → stacked networks, all problems of the first try first.
    """
    course = Course(lesson, tries, build)
    matrices = [value for value in course.learned if value.dim() > 2]
    optimiser = torch.optim.Adam(course.learned, lr=rate, fused=True)
    average = {name: value.detach().clone() for name, value in course.network.items()}
    kept: dict[int, State] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(stops[-1]):
            seen = course.see(step)
            label, pulled, student = course.losses(seen)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward((label + course.weight * pulled).sum())
            with torch.no_grad():
                # Decay apart from the gradient is what makes Adam AdamW; torch's own knows one decay for all networks.
                for value in matrices:
                    value.mul_((1 - rate * course.decay).reshape(-1, *[1] * (value.dim() - 1)))
                optimiser.step()
                # Young averages follow faster, so that the untrained network does not linger in them.
                share = min(AVERAGED, (1 + step) / (10 + step))
                torch._foreach_lerp_(list(average.values()), list(course.network.values()), 1 - share)
            course.update(student, seen)
            if step + 1 in stops:
                kept[step + 1] = {name: value.clone() for name, value in average.items()}
    return kept


def gradient_ratio(lesson: Lesson, build: Build) -> float:
    """How much larger the label's gradient is than the objective's at the start.

    The median over problems, mean over some batches.

    Objectives differ in scale by orders of magnitude; multiplied by this, all of them pull the untrained network alike.
    """
    course = Course(lesson, [Try(0.0, 1.0)], build)
    weights = list(course.network.values())
    norms = torch.zeros(2, len(lesson.seeds))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(min(PROBED, len(lesson.batches))):
            losses = course.losses(course.see(step))[:2]
            for place, loss in enumerate(losses):
                found = torch.autograd.grad(loss.sum(), weights, retain_graph=place == 0, materialize_grads=True)
                norms[place] += torch.stack([part.flatten(1).square().sum(dim=1) for part in found]).sum(dim=0).sqrt()
    return float((norms[0] / norms[1].clamp(min=1e-12)).median())
