"""What was not observed is zero under a mask, whatever stood there."""

from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal, observed

HERE = torch.tensor([True, False, True])


def test_whole_samples_need_no_mask() -> None:
    values = torch.randn(3, 2, 4)
    assert observed(values, torch.ones(3, dtype=torch.bool)).mask is None


@pytest.mark.parametrize("shape", [(2,), (2, 4), (2, 4, 5)])
def test_an_absent_sample_is_zero_under_a_mask_that_fits_the_values(shape: tuple[int, ...]) -> None:
    values = torch.randn(3, *shape)
    values[1] = torch.nan
    signal = observed(values, HERE)
    assert signal.mask is not None
    assert signal.mask.shape == values.shape
    assert signal.mask.flatten(1).all(dim=1).equal(HERE)
    assert signal.whole
    assert signal.values[[0, 2]].equal(values[[0, 2]])
    assert not signal.values[1].any()


def test_a_partial_signal_has_a_mask_of_its_cells_even_where_all_were_observed() -> None:
    values = torch.randn(3, 2, 4)
    full = observed(values, torch.ones(3, dtype=torch.bool), partial=True)
    assert full.mask is not None
    assert full.mask.shape == values.shape
    assert not full.whole
    assert full.values.equal(values)
    values[0, 1, 2] = torch.nan
    signal = observed(values, HERE, partial=True)
    expected = HERE[:, None, None].expand_as(values).clone()
    expected[0, 1, 2] = False
    assert signal.mask is not None
    assert signal.mask.equal(expected)
    assert signal.values.equal(torch.where(expected, values, 0.0))


def test_a_mask_moves_with_its_values() -> None:
    moved = observed(torch.randn(3, 2, 4), HERE).to("meta")
    assert isinstance(moved, Signal)
    assert moved.mask is not None
    assert moved.mask.is_meta
    assert moved.offsets is None
    assert moved.whole
