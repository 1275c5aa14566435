"""Training sets of stacked networks: views, labels, the order of batches, and a teacher's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medkd.data.loading.sampler import EpochBatches


@dataclass(frozen=True)
class TeacherOutputs:
    """Logits "dataset sample class" and embeddings "dataset sample dim" of the training samples."""

    logits: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class TrainingSet:
    """The training samples of stacked networks, one dataset per network.

    Args:
        view: "dataset sample column".
        y: "dataset sample" int64.
        labelled: number of labelled samples, which come first.
        seeds: of the initialisations, one per dataset.
        batches: rows of each step, "step batch" for all datasets alike, or "step dataset batch".
        teacher: outputs to learn from; without them a network learns from labels alone.
    """

    view: Tensor
    y: Tensor
    labelled: int
    seeds: Sequence[int]
    batches: Tensor
    teacher: TeacherOutputs | None = None


def mixed_batches(labelled: int, samples: int, size: int, steps: int, seed: int = 0) -> Tensor:
    """Rows of each step, "step batch": half of them labelled samples, half unlabelled; all labelled if all are.

    >>> mixed_batches(labelled=4, samples=10, size=4, steps=2)[:, 2:].min() >= 4
    tensor(True)
    """
    if samples == labelled:
        return permuted(labelled, size, steps, seed)
    half = size // 2
    first = permuted(labelled, half, steps, seed)
    return torch.cat([first, labelled + permuted(samples - labelled, size - half, steps, seed + 1)], dim=1)


def permuted(count: int, size: int, steps: int, seed: int) -> Tensor:
    """Permutations of ``count`` rows one after another, cut to "step batch".

    With fewer rows than a batch, some are in it twice.
    """
    times = -(-size // count)
    batches = list(EpochBatches(count, -(-size // times), steps * times, seed))
    return torch.tensor(
        [
            [row for part in batches[step * times : (step + 1) * times] for row, _ in part][:size]
            for step in range(steps)
        ]
    )
