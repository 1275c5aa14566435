"""Warm start: weights of another fit, and if need be a body that stays frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from medkd.data.loading.statistics import Statistics
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.networks.head import Head
from medkd.networks.network import Network


def start_from(network: Network, folder: Path) -> dict[str, Statistics]:
    """Copy the weights of a fitted network, but for its head, which predicted another target.

    Args:
        network: whose weights are set.
        folder: of the fitted model; of a network that wraps another, the inner one is copied.

    Returns:
        The statistics of the fitted model's modalities: the weights are right on that scale alone.

    Raises:
        InputError: there is no fitted model, or its network is another.
    """
    fitted = FittedModel.load(folder)
    source = fitted.network.core
    to_set = dict(network.named_parameters()) | dict(network.named_buffers())
    available = dict(source.named_parameters()) | dict(source.named_buffers())
    heads = {
        f"{path}.{name}"
        for path, module in network.named_modules()
        if isinstance(module, Head)
        for name in module.state_dict()
    }
    for name, value in to_set.items():
        if name in heads:
            continue
        if name not in available or available[name].shape != value.shape:
            what = f"the network that it starts from has no '{name}' of this shape"
            raise InputError(what, where=folder, remedy="Give both fits the same network")
        with torch.no_grad():
            value.copy_(available[name])
    return fitted.statistics


def modules_outside_heads(network: nn.Module) -> Iterator[nn.Module]:
    """Every module of a network that is not a head, does not hold one, and is not inside one."""
    if isinstance(network, Head):
        return
    if not any(isinstance(module, Head) for module in network.modules()):
        yield from network.modules()
        return
    for child in network.children():
        yield from modules_outside_heads(child)


def freeze_body(network: nn.Module) -> None:
    """Exclude all weights but those of heads from training.

    >>> network = nn.ModuleDict({"body": nn.Linear(1, 1), "head": Head(1, 1)})
    >>> freeze_body(network)
    >>> [name for name, weight in network.named_parameters() if weight.requires_grad]
    ['head.layers.1.weight', 'head.layers.1.bias']
    """
    trained = {id(weight) for module in network.modules() if isinstance(module, Head) for weight in module.parameters()}
    for weight in network.parameters():
        weight.requires_grad_(id(weight) in trained)
