from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.summary_network import SummaryNetwork


def test_an_unknown_number_is_not_a_known_zero():
    torch.manual_seed(0)
    network = SummaryNetwork(numbers=2, outputs=1, width=8).eval()
    mask = torch.tensor([[True, True], [True, False]])
    logits = network({"age": Signal(torch.zeros(2, 2), mask)}).logits
    assert not logits[0].allclose(logits[1])


def test_numbers_are_scaled_by_their_training_batches():
    """After many batches of one scale, that scale no longer matters."""
    torch.manual_seed(0)
    network = SummaryNetwork(numbers=4, outputs=1, dropout=0.0)
    table = torch.randn(64, 4)
    for _ in range(100):
        network({"a": Signal(1000 * table + 50)})
    after = network.eval()({"a": Signal(1000 * table + 50)}).logits
    other = SummaryNetwork(numbers=4, outputs=1, dropout=0.0)
    other.load_state_dict(
        network.state_dict() | {"scale.running_mean": table.mean(0), "scale.running_var": table.var(0)}
    )
    torch.testing.assert_close(after, other.eval()({"a": Signal(table)}).logits, atol=1e-2, rtol=1e-2)


def test_noise_acts_in_training_alone(grid):
    torch.manual_seed(0)
    network = SummaryNetwork(numbers=51, outputs=1, dropout=0.0, noise=0.5)
    signals = {"vitals": grid()}
    assert not network(signals).logits.equal(network(signals).logits)
    assert network.eval()(signals).logits.equal(network(signals).logits)


def test_another_view_is_refused_with_the_number_to_set(grid):
    with pytest.raises(InputError, match=r"takes 10 numbers, the view gives 51.*numbers to 51"):
        SummaryNetwork(numbers=10, outputs=1)({"vitals": grid()})
