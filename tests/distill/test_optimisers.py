"""Every parameter is optimised once; only weights are decayed; the rate rises and falls as it says."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from medkd.distill.optimisers import LearningRate, optimiser, rate_factor
from medkd.networks.projector import Projector
from medkd.networks.resnet1d import ResNet1d


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_every_parameter_of_every_module_stands_in_one_group(name: Literal["adamw", "sgd"]) -> None:
    modules = [ResNet1d(1, 1), Projector(4, 3, hidden=2)]
    frozen = modules[1].layers[0].weight.requires_grad_(False)
    made = optimiser(name, modules, 0.01, 0.1)
    listed = [id(parameter) for group in made.param_groups for parameter in group["params"]]
    expected = {id(parameter) for module in modules for parameter in module.parameters()} - {id(frozen)}
    assert len(listed) == len(set(listed))
    assert set(listed) == expected
    assert {group["lr"] for group in made.param_groups} == {0.01}


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_only_weights_with_more_than_one_axis_are_decayed(name: Literal["adamw", "sgd"]) -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = {key: value.clone() for key, value in network.named_parameters()}
    made = optimiser(name, [network], 0.1, 0.5)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    for key, value in network.named_parameters():
        if key == "0.weight":
            torch.testing.assert_close(value, before[key] * (1 - 0.1 * 0.5))
        else:
            assert value.equal(before[key]), key


@pytest.mark.parametrize("total", [1, 4, 37, 1000])
def test_one_cycle_rises_for_a_quarter_and_falls_to_zero(total: int) -> None:
    factor = rate_factor("one_cycle", total)
    rates = np.array([factor(step) for step in range(total + 1)])
    assert rates[0] == pytest.approx(0.04)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert rates.max() <= 1.0
    top = int(rates.argmax())
    assert abs(top - total / 4) <= 1
    assert (np.diff(rates[: top + 1]) >= 0).all()
    assert (np.diff(rates[top:]) <= 0).all()


@pytest.mark.parametrize("shape", ["one_cycle", "cosine", "constant"])
@pytest.mark.parametrize("total", [0, 1, 10])
def test_no_step_has_a_negative_rate_or_one_above_the_peak(shape: LearningRate, total: int) -> None:
    factor = rate_factor(shape, total)
    assert all(-1e-12 <= factor(step) <= 1 for step in range(3 * total + 5))


def test_cosine_and_constant() -> None:
    cosine, constant = rate_factor("cosine", 10), rate_factor("constant", 10)
    assert [cosine(step) for step in (0, 5, 10)] == pytest.approx([1.0, 0.5, 0.0])
    assert {constant(step) for step in range(20)} == {1.0}
