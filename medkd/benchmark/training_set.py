"""What stacked networks are trained on: views, labels, the order of batches, and what a teacher said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medkd.data.loading.sampler import EpochBatches


@dataclass(frozen=True)
class Answers:
    """What a teacher said: "problem sample class" and "problem sample dim"."""

    logits: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Lesson:
    """What networks are trained on.

    Args:
        view: "problem sample column".
        y: "problem sample" int64.
        labelled: so many of the first samples have a label.
        seeds: of the initialisations, one a problem.
        batches: rows of each step, "step batch" for all problems alike, or "step problem batch".
        answers: the teacher's, where there is one.
    """

    view: Tensor
    y: Tensor
    labelled: int
    seeds: Sequence[int]
    batches: Tensor
    answers: Answers | None = None


def mixed_batches(labelled: int, samples: int, size: int, steps: int, seed: int = 0) -> Tensor:
    """Rows of each step, "step batch": half of them labelled samples, half unlabelled.

    All labelled where there is no other.

    >>> mixed_batches(labelled=4, samples=10, size=4, steps=2)[:, 2:].min() >= 4
    tensor(True)
    """
    share = size if samples == labelled else size // 2
    first = permuted(labelled, share, steps, seed)
    return (
        first
        if samples == labelled
        else torch.cat([first, labelled + permuted(samples - labelled, size - share, steps, seed + 1)], dim=1)
    )


def permuted(count: int, size: int, steps: int, seed: int) -> Tensor:
    """Permutations of ``count`` rows one after another, cut to "step batch".

    Of fewer rows than a batch some stand in it twice.
    """
    times = -(-size // count)
    batches = list(EpochBatches(count, -(-size // times), steps * times, seed))
    return torch.tensor(
        [
            [row for part in batches[step * times : (step + 1) * times] for row, _ in part][:size]
            for step in range(steps)
        ]
    )
