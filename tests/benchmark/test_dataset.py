"""Data sets side by side: what a network sees, and what must not reach it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from medkd.benchmark.dataset import Dataset, stack
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset
from medkd.errors import InputError

LABELLED = 20


@pytest.fixture
def datasets() -> list[Dataset]:
    return [synthetic_dataset(SyntheticWorld(), 40, 0.5, 30, seed) for seed in (4, 9)]


def changed(datasets: Sequence[Dataset], **arrays: object) -> list[Dataset]:
    return [replace(datasets[0], **arrays), *datasets[1:]]


def test_the_unit_and_the_origin_of_a_view_do_not_matter(datasets: list[Dataset]):
    first = datasets[0]
    views = {role: 3 * view + 100 for role, view in first.views.items()}
    scored = {role: 3 * view + 100 for role, view in first.scored_views.items()}
    before, after = stack(datasets), stack(changed(datasets, views=views, scored_views=scored))
    for role in ("teacher", "student"):
        torch.testing.assert_close(before.views[role], after.views[role], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(before.scored[role][0], after.scored[role][0], rtol=1e-3, atol=1e-3)
        assert before.views[role].mean(dim=1).abs().max() < 1e-5
        assert before.views[role].std(dim=1, correction=0).amax(dim=1).tolist() == pytest.approx([1.0, 1.0], rel=1e-4)


def test_scored_samples_decide_nothing_about_the_scale(datasets: list[Dataset]):
    far = {role: view + 1000 for role, view in datasets[0].scored_views.items()}
    before, after = stack(datasets), stack(changed(datasets, scored_views=far))
    assert before.views["student"].equal(after.views["student"])
    assert after.scored["student"][0].mean() > 100


def test_a_label_that_is_withheld_is_not_in_the_tensor(datasets: list[Dataset]):
    y = datasets[0].y.copy()
    y[LABELLED:] = 1 - y[LABELLED:]
    before, after = stack(datasets), stack(changed(datasets, y=y))
    assert before.y.equal(after.y)
    assert not before.y[:, LABELLED:].any()
    assert before.y[0, :LABELLED].tolist() == datasets[0].y[:LABELLED].tolist()
    # The caller's own labels are left as they were.
    assert y[LABELLED:].any()


def test_the_first_of_a_stack_is_the_stack_of_the_first(datasets: list[Dataset]):
    first, alone = stack(datasets).first(1), stack(datasets[:1])
    assert first.views["student"].equal(alone.views["student"])
    assert all(one.equal(other) for one, other in zip(first.scored["student"], alone.scored["student"], strict=True))
    assert (first.seeds, first.samples, first.labelled) == (alone.seeds, alone.samples, alone.labelled) == ([4], 40, 20)


def test_what_cannot_be_trained_side_by_side_is_refused(datasets: list[Dataset]):
    with pytest.raises(InputError, match="differ in size"):
        stack([datasets[0], replace(datasets[1], labelled=LABELLED - 1)])
    one_class = datasets[0].y.copy()
    one_class[:LABELLED] = 1
    with pytest.raises(InputError, match="the 20 labelled samples of seed 4 are of one class"):
        stack(changed(datasets, y=one_class))
    assert np.unique(one_class).size == 2
