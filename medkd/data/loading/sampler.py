"""Order of training: a pure function of (seed, epoch) that can start at any step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from medkd.errors import InputError

Key = tuple[int, int]
"""Position of a sample among the training samples, and the epoch in which it is drawn."""


class EpochBatches(Sampler[list[Key]]):
    """Batches of one epoch: permutations of all samples one after another, cut to full batches.

    An epoch is ``steps`` optimiser steps for any number of samples, so that arms with few and with many labels have the
    same budget.

    Args:
        n: number of training samples.
        batch_size: samples per step; at most ``n``.
        steps: steps per epoch; 0 means one pass, the last short batch dropped.
        seed: of the order.
        rank, world: number of this process, and of all: each takes its part of every batch, so that a step has the same
            samples for any number of processes.

    Raises:
        InputError: a batch has fewer samples than there are processes.

    >>> batches = EpochBatches(n=4, batch_size=2, steps=3, seed=0)
    >>> len(list(batches)), len(batches)
    (3, 3)
    """

    def __init__(self, n: int, batch_size: int, steps: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if batch_size < 1:
            raise InputError(f"a batch of {batch_size} samples", where="data.batch_size", remedy="Give 1 or more")
        self.n, self.batch_size, self.seed = n, min(batch_size, n), seed
        self.rank, self.world = rank, world
        if self.batch_size < world:
            raise InputError(
                f"{world} processes share a batch of {self.batch_size}",
                where="trainer",
                remedy="Lower devices, or num_nodes",
            )
        self.steps = steps or max(n // self.batch_size, 1)
        self.epoch = 0
        self.start = 0
        """Step to begin the next epoch at: set by a resumed run, then zero again."""

    @property
    def sampler(self) -> EpochBatches:
        """The attribute in which Lightning looks for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[Key]]:
        rng = np.random.default_rng([self.seed, self.epoch, 1])
        needed = self.steps * self.batch_size
        order = np.concatenate([rng.permutation(self.n) for _ in range(-(-needed // self.n))])
        start, self.start = self.start, 0
        for step in range(start, self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            yield [(int(index), self.epoch) for index in batch[self.rank :: self.world]]
