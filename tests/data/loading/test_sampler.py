"""The order of training is a pure function of (seed, epoch), and can start anywhere."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from medkd.data.loading.sampler import EpochBatches, Key
from medkd.errors import InputError


def epoch(
    n: int = 11, batch_size: int = 4, steps: int = 7, seed: int = 3, number: int = 0, start: int = 0
) -> list[list[Key]]:
    batches = EpochBatches(n, batch_size, steps, seed)
    batches.set_epoch(number)
    batches.start = start
    return list(batches)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    expected = epoch(number=5)
    batches = EpochBatches(11, 4, 7, 3)
    for number in range(6):
        torch.manual_seed(number)
        np.random.seed(number)
        random.seed(number)
        batches.set_epoch(number)
        held = list(batches)
    assert held == expected
    assert expected != epoch(number=4)
    assert expected != epoch(number=5, seed=4)


@pytest.mark.parametrize("start", range(8))
def test_an_epoch_that_starts_late_goes_on_as_the_whole_one(start: int) -> None:
    batches = EpochBatches(11, 4, 7, 3)
    batches.set_epoch(2)
    batches.start = start
    assert list(batches) == epoch(number=2)[start:]
    batches.set_epoch(3)
    assert list(batches) == epoch(number=3), "only the first epoch after a resume starts late"


@pytest.mark.parametrize("n", [1, 3, 4, 5, 64, 1000])
def test_every_arm_gets_the_same_number_of_steps(n: int) -> None:
    batches = epoch(n=n, batch_size=4, steps=9)
    assert len(batches) == len(EpochBatches(n, 4, 9, 0)) == 9
    assert {len(batch) for batch in batches} == {min(4, n)}


@pytest.mark.parametrize(("n", "batch_size", "steps"), [(11, 4, 0), (3, 8, 0), (8, 8, 0)])
def test_zero_steps_is_one_pass(n: int, batch_size: int, steps: int) -> None:
    places = [place for batch in epoch(n=n, batch_size=batch_size, steps=steps) for place, _ in batch]
    assert len(places) == len(set(places)) == n // min(n, batch_size) * min(n, batch_size)


def test_no_sample_comes_again_before_all_have_come() -> None:
    places = [place for batch in epoch(n=6, batch_size=4, steps=9) for place, _ in batch]
    for start in range(0, 36, 6):
        assert sorted(places[start : start + 6]) == list(range(6))
    assert places[:6] != places[6:12]


def test_each_key_names_its_epoch() -> None:
    assert {number for batch in epoch(number=4) for _, number in batch} == {4}


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_processes_share_every_batch(world: int) -> None:
    whole = epoch(number=2)
    shares = []
    for rank in range(world):
        batches = EpochBatches(11, 4, 7, 3, rank, world)
        batches.set_epoch(2)
        shares.append(list(batches))
    assert {len(share) for share in shares} == {7}
    for step, batch in enumerate(whole):
        assert sorted(key for share in shares for key in share[step]) == sorted(batch)
        assert min(len(share[step]) for share in shares) == 4 // world


def test_more_processes_than_samples_in_a_batch_are_refused() -> None:
    with pytest.raises(InputError, match="5 processes share a batch of 4"):
        EpochBatches(11, 4, 7, 3, 0, 5)
