"""Warm start: the weights of another fit, and which of them change."""

from __future__ import annotations

import torch
from torch import nn

from medkd.data.core.signal import Signal
from medkd.distill.distiller import Distiller
from medkd.distill.warm_start import freeze_body, modules_outside_heads
from medkd.networks.head import Head
from medkd.networks.hour_transformer import HourTransformer
from medkd.networks.sum_fusion import SumFusion


def network() -> HourTransformer:
    torch.manual_seed(0)
    return HourTransformer(channels=3, outputs=1, max_steps=4, width=8, heads=2, dropout=0.5)


def test_every_module_is_outside_a_head_or_inside_it():
    made = network()
    outside = {id(module) for module in modules_outside_heads(made)}
    inside = {id(module) for head in made.modules() if isinstance(head, Head) for module in head.modules()}
    assert not outside & inside
    weights = {
        id(weight) for module in made.modules() if id(module) in outside for weight in module.parameters(recurse=False)
    }
    of_its_own = ("head.", "position", "class_token")
    assert weights == {id(weight) for name, weight in made.named_parameters() if not name.startswith(of_its_own)}


def test_only_heads_are_trained():
    made = SumFusion({"vitals": network()}, outputs=2, width=8, hidden=[4])
    freeze_body(made)
    assert {name for name, weight in made.named_parameters() if weight.requires_grad} == {
        "head.layers.1.weight",
        "head.layers.1.bias",
    }


def test_a_frozen_body_gives_the_same_in_every_step():
    distiller = Distiller(network(), freeze=True).train()
    for module in distiller.frozen:
        module.training = False
    signals = {"vitals": Signal(torch.randn(5, 3, 4))}
    first, second = distiller.network(signals), distiller.network(signals)
    torch.testing.assert_close(first.embedding, second.embedding)
    assert not torch.equal(first.logits, second.logits)
    assert any(isinstance(module, nn.Dropout) and module.training for module in distiller.network.modules())
