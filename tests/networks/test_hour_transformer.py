from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.hour_transformer import HourTransformer


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HourTransformer(channels=3, outputs=2, max_steps=12, width=16, dropout=0.0).eval()


def test_shapes(network, grid):
    output = network({"vitals": grid()})
    assert output.logits.shape == (5, 2)
    assert output.embedding.shape == (5, 16)
    assert output.tokens.shape == (5, 12, 16)
    torch.testing.assert_close(output.logits, network.head(output.embedding))


def test_an_hour_with_nothing_observed_does_not_count(network, grid):
    """Neither its position in the window nor anything else of it reaches the summary."""
    signal = grid()
    signal.values[..., 4], signal.mask[..., 4] = 0.0, False
    expected = network({"vitals": signal})
    with torch.no_grad():
        network.position[:, 4] += 100.0
    found = network({"vitals": signal})
    assert found.logits.equal(expected.logits)
    assert found.tokens[:, :4].equal(expected.tokens[:, :4])
    with torch.no_grad():
        network.position[:, 5] += 100.0
    assert not network({"vitals": signal}).logits.allclose(expected.logits)


def test_hours_have_an_order(network, grid):
    signal = grid(share=1.0)
    assert not network({"vitals": signal}).logits.allclose(
        network({"vitals": Signal(signal.values.flip(2), signal.mask)}).logits
    )


def test_a_shorter_window_is_taken_and_a_longer_one_refused(network, grid):
    assert network({"vitals": grid(steps=6)}).tokens.shape[1] == 6
    with pytest.raises(InputError, match="window has 13 time steps, the network takes 12"):
        network({"vitals": grid(steps=13)})


def test_evaluation_gives_what_training_gives_without_dropout(network, grid):
    """Torch takes another way through a transformer that learns nothing."""
    signal = {"vitals": grid(share=0.1)}
    with torch.inference_mode():
        fast = network(signal).logits.clone()
    torch.testing.assert_close(network.train()(signal).logits, fast, atol=1e-5, rtol=1e-4)


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(InputError, match="width 10 is not a multiple of heads 4"):
        HourTransformer(channels=3, outputs=1, width=10)
