"""Which classes are near which: a graph over classes that smooths what a teacher says of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.precision import full_precision


@full_precision
def class_graph(prototypes: Tensor, alpha: float = 4.0) -> Tensor:
    """Row softmax of alpha times the cosines between class prototypes, itself included: "class class", rows sum to one.

    Args:
        prototypes: "class dim", for instance the mean text embedding of each class.
        alpha: the larger, the fewer neighbours count.

    Source: OGKD, arXiv:2606.04922.

    >>> class_graph(torch.eye(2), alpha=0.0).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    unit = functional.normalize(prototypes, dim=1)
    return (alpha * unit @ unit.T).softmax(dim=1)


@full_precision
def effective_base_graph(graph: Tensor, base: Tensor, novel_weight: float = 0.1, released: bool = False) -> Tensor:
    """The graph among the classes in training, with the ways that lead through the others added.

    W_bb + λ W_bn W_nb, rows scaled to one.

    Args:
        graph: "class class", rows sum to one.
        base: indices of the classes in training, in their order; the others are novel.
        novel_weight: λ.
        released: leave the rows as they are, which then sum to anything, and the sum differs between classes.

    Source: OGKD, arXiv:2606.04922 (in the release the folding is never reached: no data set names its novel classes).

    >>> effective_base_graph(torch.full((3, 3), 1 / 3), torch.tensor([0, 1])).sum(dim=1)
    tensor([1., 1.])
    """
    novel = torch.ones(len(graph), dtype=torch.bool, device=graph.device).index_fill(0, base, False)
    folded = graph[base][:, base] + novel_weight * graph[base][:, novel] @ graph[novel][:, base]
    return folded if released else folded / folded.sum(dim=1, keepdim=True)


@full_precision
def smoothed(teacher: Tensor, graph: Tensor, gamma: float) -> Tensor:
    """The teacher's log-probabilities, a share gamma of each replaced by the mean over the class's neighbours.

    And made to sum to one.

    log target = (1 - gamma) log p + gamma W log p, minus its log-sum-exp: a weighted geometric mean of a class's own
    and its neighbours' probabilities.

    Args:
        teacher: logits "... class"; no gradient.
        graph: W, "class class", row i the neighbours of class i.
        gamma: 0 to 1; 0 leaves the teacher as it is.

    Source: after OGKD, arXiv:2606.04922; the release's form is ``smoothed_released``.

    >>> smoothed(torch.tensor([[0.0, 3.0]]), torch.full((2, 2), 0.5), 1.0).exp()
    tensor([[0.5000, 0.5000]])
    """
    log_p = teacher.detach().log_softmax(dim=-1)
    return ((1 - gamma) * log_p + gamma * log_p @ graph.detach().to(log_p.dtype).T).log_softmax(dim=-1)


@full_precision
def smoothed_released(teacher: Tensor, graph: Tensor, gamma: float) -> Tensor:
    """The release's target: (1 - gamma) log p + gamma log p W, which does not sum to one; W's columns do not either."""
    log_p = teacher.detach().log_softmax(dim=-1)
    return (1 - gamma) * log_p + gamma * log_p @ graph.detach().to(log_p.dtype)


def graph_of(similarity: list[list[float]], alpha: float, objective: object) -> Tensor:
    """The graph of a table of class similarities, as an objective takes it from YAML.

    Raises:
        InputError: the table is not square.
    """
    if not similarity or any(len(row) != len(similarity) for row in similarity):
        where = type(objective).__name__
        raise InputError(
            "similarity is not a square table", where=where, remedy="Give a row a class, with a value for each class"
        )
    return (alpha * torch.tensor(similarity)).softmax(dim=1)


def _class_graph(inputs: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    return {"W": class_graph(inputs["prototypes"], alpha)}


def _effective_base_graph(inputs: Mapping[str, Tensor], lambda_novel: float) -> dict[str, Tensor]:
    return {"W_eff": effective_base_graph(inputs["W_all"], inputs["base_idx"], lambda_novel, released=True)}


GOLDEN = {"ogkd/class_graph": _class_graph, "ogkd/effective_base_graph": _effective_base_graph}
