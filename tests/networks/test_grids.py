from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal, observed
from medkd.errors import InputError
from medkd.networks.grids import check_channels, joined, since_observed


def test_variables_stand_side_by_side_in_the_order_of_the_view(grid):
    vitals, labs = grid(variables=2, seed=1), grid(variables=3, seed=2)
    values, mask = joined({"vitals": vitals, "labs": labs})
    assert values[:, :2].equal(vitals.values)
    assert values[:, 2:].equal(labs.values)
    assert mask.bool().equal(torch.cat([vitals.mask, labs.mask], dim=1))
    assert mask.dtype == values.dtype


def test_nothing_under_a_mask_comes_through(grid):
    signal = grid()
    for rubbish in (7.0, torch.inf, torch.nan):
        values, _ = joined({"vitals": Signal(signal.values.masked_fill(~signal.mask, rubbish), signal.mask)})
        assert values.equal(signal.values)


def test_a_modality_that_a_sample_lacks_is_unobserved_in_every_cell(grid):
    whole, age = grid(batch=2, share=1.0), torch.ones(2, 1, 12)
    values, mask = joined({"vitals": whole, "age": observed(age, torch.tensor([True, False]))})
    assert mask[:, 3].tolist() == [[1.0] * 12, [0.0] * 12]
    assert values[:, 3].tolist() == [[1.0] * 12, [0.0] * 12]
    assert joined({"age": Signal(age)})[1].all()


def test_what_cannot_stand_side_by_side_is_refused(grid):
    with pytest.raises(InputError, match="12 and 24 time steps"):
        joined({"vitals": grid(), "labs": grid(steps=24)})
    with pytest.raises(InputError, match="codes is 1-dimensional"):
        joined({"codes": Signal(torch.zeros(2, 5))})
    with pytest.raises(InputError, match=r"GruD takes 4 variables, the view has 3.*channels to 3"):
        check_channels(3, 4, "GruD")


def test_since_observed_equals_the_recursion_of_the_paper(grid):
    """Che et al. 2018, eq. 2, with an hour between time steps.

    0 at first, then 1 after an observation, else 1 more than before.
    """
    mask = grid(batch=20, steps=30, share=0.2).mask
    found = since_observed(mask.float())
    for row, seen in zip(found.flatten(0, 1), mask.flatten(0, 1), strict=True):
        delta = [0.0]
        for before in seen[:-1]:
            delta.append(1.0 if before else delta[-1] + 1)
        assert row.tolist() == delta
