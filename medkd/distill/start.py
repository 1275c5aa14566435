"""Begin with what another fit has learnt, and if need be train the head alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from medkd.data.loading.statistics import Statistics
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.networks.heads import Head
from medkd.networks.network import Network


def start_from(network: Network, folder: Path) -> dict[str, Statistics]:
    """Take the weights of a fitted network, but for its head, which answered another question.

    Args:
        network: whose weights are set.
        folder: of the fitted learner; of a network that wraps another, that one is taken.

    Returns:
        The statistics of the modalities that were seen there: the weights are right on that scale alone.

    Raises:
        InputError: there is no learner, or its network is another.
    """
    learner = FittedModel.load(folder)
    held = learner.network.core
    own = dict(network.named_parameters()) | dict(network.named_buffers())
    given = dict(held.named_parameters()) | dict(held.named_buffers())
    heads = {
        f"{place}.{name}"
        for place, module in network.named_modules()
        if isinstance(module, Head)
        for name in module.state_dict()
    }
    for name, value in own.items():
        if name in heads:
            continue
        if name not in given or given[name].shape != value.shape:
            what = f"the network that it starts from has no '{name}' of this shape"
            raise InputError(what, where=folder, remedy="Give both fits the same network")
        with torch.no_grad():
            value.copy_(given[name])
    return learner.statistics


def beside_heads(network: nn.Module) -> Iterator[nn.Module]:
    """Every module of a network that is no head, nor holds or lies in one."""
    if isinstance(network, Head):
        return
    if not any(isinstance(module, Head) for module in network.modules()):
        yield from network.modules()
        return
    for child in network.children():
        yield from beside_heads(child)


def freeze(network: nn.Module) -> None:
    """Let no weight but those of heads change.

    >>> network = nn.ModuleDict({"body": nn.Linear(1, 1), "head": Head(1, 1)})
    >>> freeze(network)
    >>> [name for name, weight in network.named_parameters() if weight.requires_grad]
    ['head.layers.1.weight', 'head.layers.1.bias']
    """
    trained = {id(weight) for module in network.modules() if isinstance(module, Head) for weight in module.parameters()}
    for weight in network.parameters():
        weight.requires_grad_(id(weight) in trained)
