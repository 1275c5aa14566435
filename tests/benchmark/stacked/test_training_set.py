"""Batches of labelled and unlabelled samples."""

from __future__ import annotations

from medkd.benchmark.stacked.training_set import mixed_batches, permuted


def test_batches_mix_labelled_and_unlabelled():
    batches = mixed_batches(labelled=20, samples=100, size=16, steps=50)
    assert batches.shape == (50, 16)
    assert (batches[:, :8] < 20).all()
    assert (batches[:, 8:] >= 20).all()
    assert set(batches.flatten().tolist()) == set(range(100))
    assert mixed_batches(5, 5, 16, 3).shape == (3, 16)


def test_every_row_is_used_before_any_recurs():
    rows = permuted(count=12, size=4, steps=6, seed=0)
    assert sorted(rows[:3].flatten().tolist()) == sorted(rows[3:].flatten().tolist()) == list(range(12))
    assert permuted(count=2, size=5, steps=1, seed=0)[0].bincount().tolist() in ([2, 3], [3, 2])
