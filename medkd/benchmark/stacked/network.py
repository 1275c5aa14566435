"""Stacked networks: many small networks of one shape, computed at once along a leading network axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

HIDDEN, EMBEDDING = 32, 16
State = dict[str, Tensor]
Module = TypeVar("Module", bound=nn.Module)


class Perceptron(nn.Module):
    """Columns → a hidden layer → an embedding → two logits.

    Args:
        columns: width of the input.

    Shapes: "batch column" → logits "batch 2", embedding "batch 16".
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.first, self.second, self.head = (
            nn.Linear(columns, HIDDEN),
            nn.Linear(HIDDEN, EMBEDDING),
            nn.Linear(EMBEDDING, 2),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and embedding."""
        embedding = functional.gelu(self.second(functional.gelu(self.first(x))))
        return self.head(embedding), embedding


def stack_modules(make: Callable[[], Module], seeds: Sequence[int], copies: int = 1) -> tuple[Module, State, State]:
    """A module to call, stacked parameters and stacked buffers: one module per seed, ``copies`` times over.

    The first copy of all seeds comes first. Torch's random state is left as it was.
    """
    with torch.random.fork_rng():
        modules = []
        for seed in seeds:
            torch.manual_seed(seed)
            modules.append(make())
    parameters, buffers = stack_module_state(list(modules))

    def repeated(state: Mapping[str, Tensor], learned: bool) -> State:
        return {
            name: value.detach()
            .repeat(copies, *[1] * (value.dim() - 1))
            .requires_grad_(learned and value.is_floating_point())
            for name, value in state.items()
        }

    return modules[0], repeated(parameters, True), repeated(buffers, False)


def forward(state: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and embeddings of stacked perceptrons, without gradient.

    Args:
        state: one entry of each tensor per network.
        x: "network sample column".

    Returns:
        "network sample 2" and "network sample 16".
    """
    network = Perceptron(x.shape[-1])
    with torch.no_grad():
        logits, embedding = vmap(lambda weights, view: functional_call(network, weights, (view,)))(dict(state), x)
    return logits, embedding


def scores(state: Mapping[str, Tensor], scored: Sequence[Tensor]) -> list[Tensor]:
    """Log-odds of the positive class from each dataset's own networks: one tensor "copy scored" per dataset.

    Args:
        state: of networks in the order of ``stack_modules``.
        scored: "scored column", one per dataset; their lengths may differ.
    """
    log_odds = []
    for index, x in enumerate(scored):
        networks = {name: value[index :: len(scored)] for name, value in state.items()}
        copies = next(iter(networks.values())).shape[0]
        logits, _ = forward(networks, x.expand(copies, *x.shape))
        log_odds.append(logits[..., 1] - logits[..., 0])
    return log_odds
