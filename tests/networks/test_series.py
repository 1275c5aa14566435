"""What every network over hourly grids keeps.

Masks count, what lies under them does not, and nothing observed is no trouble.
"""

from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal


@pytest.fixture
def network(series):
    return series(0)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_observed_gives_finite_logits_and_gradients(network, training):
    network.train(training)
    empty = Signal(torch.zeros(4, 3, 12), torch.zeros(4, 3, 12, dtype=torch.bool))
    logits = network({"vitals": empty}).logits
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_a_batch_of_one(network, grid, training):
    network.train(training)
    logits = network({"vitals": grid(batch=1)}).logits
    assert logits.shape == (1, 2)
    logits.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_what_lies_under_the_mask_does_not_count_and_the_mask_does(network, grid):
    network.eval()
    signal = grid()
    expected = network({"vitals": signal}).logits
    for rubbish in (3.0, torch.nan):
        hidden = Signal(signal.values.masked_fill(~signal.mask, rubbish), signal.mask)
        assert network({"vitals": hidden}).logits.equal(expected)
    more = signal.mask.clone()
    more[:, 1, 5] = ~more[:, 1, 5]
    assert (network({"vitals": Signal(signal.values, more)}).logits - expected).abs().amax(dim=1).gt(1e-6).all()


def test_samples_do_not_see_each_other(network, grid):
    network.eval()
    signal = grid()
    whole = network({"vitals": signal}).logits
    alone = torch.cat(
        [network({"vitals": Signal(signal.values[[row]], signal.mask[[row]])}).logits for row in range(5)]
    )
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=1e-4)


def test_it_learns_what_the_hours_say(network):
    """Whether the second variable rises, from a third of its values."""
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    rises = torch.rand(256, generator=generator) < 0.5
    values = torch.randn(256, 3, 12, generator=generator)
    values[:, 1] += torch.where(rises, 1.0, -1.0)[:, None] * torch.linspace(-2, 2, 12)
    mask = torch.rand(256, 3, 12, generator=generator) < 0.33
    signal = Signal(values * mask, mask)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network({"vitals": signal}).logits[:, 0], rises.float()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = network.eval()({"vitals": signal}).logits[:, 0] > 0
    assert (found == rises).float().mean() > 0.85
