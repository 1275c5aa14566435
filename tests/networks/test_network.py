from __future__ import annotations

import pytest
from safetensors.torch import load

from medkd.errors import InputError
from medkd.networks.gru_d import GruD


def test_loaded_weights_give_the_same_bits(series, grid):
    signals = {"vitals": grid()}
    network, other = series(0), series(1)
    network(signals)  # BatchNorms move
    content = network.dump_weights()
    assert not other.eval()(signals).logits.equal(network.eval()(signals).logits)
    other.load_weights(content, "here")
    assert other(signals).logits.equal(network(signals).logits)
    assert other.dump_weights() == content
    assert load(content).keys() == network.state_dict().keys()


def test_weights_that_are_not_contiguous_are_kept(grid):
    network = GruD(channels=3, outputs=2, width=8).eval()
    turned = network.state_decay.weight.data
    network.state_decay.weight.data = turned.T.contiguous().T
    assert not network.state_decay.weight.is_contiguous()
    other = GruD(channels=3, outputs=2, width=8)
    other.load_weights(network.dump_weights(), "here")
    assert other.state_decay.weight.equal(turned)


@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_damaged_weights_or_anothers_are_one_line(content):
    given = GruD(channels=4, outputs=2, width=8).dump_weights() if content is None else content
    with pytest.raises(InputError, match=r"weights do not fit the network.*\(here\)") as told:
        GruD(channels=3, outputs=2, width=8).load_weights(given, "here")
    assert "\n" not in str(told.value)
