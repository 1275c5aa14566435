"""Several encoders in one prediction."""

from __future__ import annotations

import pytest
import torch

from medkd.data.core.instantiate import instantiate
from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.gru_d import GruD
from medkd.networks.hour_transformer import HourTransformer
from medkd.networks.network import Network
from medkd.networks.sum_fusion import SumFusion
from medkd.networks.text_encoder import TextEncoder

SPEC = {
    "class_path": "medkd.networks.sum_fusion.SumFusion",
    "init_args": {
        "outputs": 2,
        "width": 8,
        "hidden": [6],
        "networks": {
            "vitals+labs": {
                "class_path": "medkd.networks.gru_d.GruD",
                "init_args": {"channels": 5, "outputs": 1, "width": 8},
            },
            "notes": {
                "class_path": "medkd.networks.text_encoder.TextEncoder",
                "init_args": {"outputs": 1, "vocabulary": 9, "width": 8},
            },
        },
    },
}


def signals(seen: dict[str, list[bool]]) -> dict[str, Signal]:
    shapes = {"vitals": (3, 4), "labs": (2, 4), "notes": (2, 5)}
    made = {}
    for name, here in seen.items():
        torch.manual_seed(len(name))
        values = torch.randn(len(here), *shapes[name]) if name != "notes" else torch.ones(len(here), *shapes[name])
        mask = torch.tensor(here)[:, None, None].expand_as(values)
        made[name] = Signal(values.masked_fill(~mask, 0.0), mask)
    return made


@pytest.fixture
def fused() -> Network:
    torch.manual_seed(0)
    return instantiate(SPEC, Network).eval()


def test_is_made_from_specs_and_keeps_its_weights(fused: Network):
    output = fused(signals({"vitals": [True, True], "labs": [True, True], "notes": [True, True]}))
    assert output.logits.shape == (2, 2)
    assert output.embedding.shape == (2, 6)
    other = instantiate(SPEC, Network)
    other.load_weights(fused.dump_weights(), "here")
    assert all(torch.equal(held, other.state_dict()[name]) for name, held in fused.state_dict().items())


def test_a_missing_modality_adds_nothing(fused: Network):
    lacking = fused(signals({"vitals": [True], "labs": [True], "notes": [False]})).embedding
    with torch.no_grad():
        fused.networks["notes"].words.weight.normal_(std=100)
    torch.testing.assert_close(lacking, fused(signals({"vitals": [True], "labs": [True], "notes": [False]})).embedding)
    assert not torch.allclose(lacking, fused(signals({"vitals": [True], "labs": [True], "notes": [True]})).embedding)


def test_a_part_of_joined_modalities_is_enough(fused: Network):
    alone = fused(signals({"vitals": [True], "labs": [False], "notes": [False]})).embedding
    nothing = fused(signals({"vitals": [False], "labs": [False], "notes": [False]})).embedding
    assert nothing.isfinite().all()
    assert not torch.allclose(alone, nothing)
    torch.testing.assert_close(nothing, fused.mix(torch.zeros(1, 8)))


def test_no_encoder_drowns_the_others(fused: Network):
    seen = signals({"vitals": [True], "labs": [True], "notes": [True]})
    before = fused(seen).embedding
    with torch.no_grad():
        fused.networks["notes"].words.weight.mul_(1000)
    torch.testing.assert_close(fused(seen).embedding, before, atol=1e-3, rtol=1e-3)


def test_all_weights_learn(fused: Network):
    fused(signals({"vitals": [True], "labs": [True], "notes": [True]})).logits.sum().backward()
    assert [name for name, weight in fused.named_parameters() if weight.grad is None] == []


def test_what_does_not_fit_is_refused(fused: Network):
    with pytest.raises(InputError, match="a network takes 'notes'"):
        fused(signals({"vitals": [True], "labs": [True]}))
    with pytest.raises(InputError, match="no network takes 'codes'"):
        fused(signals({"vitals": [True], "labs": [True], "notes": [True]}) | {"codes": Signal(torch.zeros(1, 20))})
    uneven = SumFusion({"vitals": HourTransformer(3, 1, max_steps=4, width=16)}, outputs=1, width=8)
    with pytest.raises(InputError, match="an embedding of 16, SumFusion adds those of 8"):
        uneven(signals({"vitals": [True]}))
    with pytest.raises(InputError, match="0 networks"):
        SumFusion({}, outputs=1)
    assert isinstance(
        SumFusion({"vitals": GruD(3, 1, 8), "notes": TextEncoder(1, 9, 8)}, 1, 8, hidden=[]).mix, torch.nn.Sequential
    )
