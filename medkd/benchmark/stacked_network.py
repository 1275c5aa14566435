"""Many small networks of one shape, trained and asked at once: every weight has one axis more, the network's number."""

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
        columns: width of what comes in.

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


def stack_of(make: Callable[[], Module], seeds: Sequence[int], copies: int = 1) -> tuple[Module, State, State]:
    """One module a seed, ``copies`` times over (all seeds, then all again).

    A module to call, stacked parameters, stacked buffers.

    Torch's random state is left as it was.
    """
    with torch.random.fork_rng():
        made = []
        for seed in seeds:
            torch.manual_seed(seed)
            made.append(make())
    parameters, buffers = stack_module_state(list(made))

    def repeated(state: Mapping[str, Tensor], learned: bool) -> State:
        return {
            name: value.detach()
            .repeat(copies, *[1] * (value.dim() - 1))
            .requires_grad_(learned and value.is_floating_point())
            for name, value in state.items()
        }

    return made[0], repeated(parameters, True), repeated(buffers, False)


def ask(state: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits "network sample 2" and embeddings "network sample 16" of stacked perceptrons on "network sample column", without gradient."""
    network = Perceptron(x.shape[-1])
    with torch.no_grad():
        logits, embedding = vmap(lambda held, seen: functional_call(network, held, (seen,)))(dict(state), x)
    return logits, embedding


def scores(state: Mapping[str, Tensor], scored: Sequence[Tensor]) -> list[Tensor]:
    """Log-odds of the positive class of each problem's own networks: a tensor "copy scored" a problem.

    Args:
        state: of networks in the order of ``stack_of``.
        scored: "scored column", one a problem; their lengths may differ.
    """
    found = []
    for place, x in enumerate(scored):
        own = {name: value[place :: len(scored)] for name, value in state.items()}
        copies = next(iter(own.values())).shape[0]
        logits, _ = ask(own, x.expand(copies, *x.shape))
        found.append(logits[..., 1] - logits[..., 0])
    return found
