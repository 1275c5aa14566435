"""Graph of similarities over classes, which smooths a teacher's probabilities."""

from __future__ import annotations

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
def smoothed(teacher: Tensor, graph: Tensor, gamma: float) -> Tensor:
    """The teacher's log-probabilities, a share gamma of each replaced by the mean over the class's neighbours.

    They are then normalised to sum to one.

    log target = (1 - gamma) log p + gamma W log p, minus its log-sum-exp: a weighted geometric mean of a class's own
    and its neighbours' probabilities.

    Args:
        teacher: logits "... class"; no gradient.
        graph: W, "class class", row i the neighbours of class i.
        gamma: 0 to 1; 0 leaves the teacher as it is.

    Source: after OGKD, arXiv:2606.04922; the release's targets do not sum to one.

    >>> smoothed(torch.tensor([[0.0, 3.0]]), torch.full((2, 2), 0.5), 1.0).exp()
    tensor([[0.5000, 0.5000]])
    """
    log_p = teacher.detach().log_softmax(dim=-1)
    return ((1 - gamma) * log_p + gamma * log_p @ graph.detach().to(log_p.dtype).T).log_softmax(dim=-1)


def graph_of(similarity: list[list[float]], alpha: float, objective: object) -> Tensor:
    """The graph of a table of class similarities, as an objective takes it from YAML.

    Raises:
        InputError: the table is not square.
    """
    if not similarity or any(len(row) != len(similarity) for row in similarity):
        where = type(objective).__name__
        raise InputError(
            "similarity is not a square table",
            where=where,
            remedy="Give one row per class, one value per class",
        )
    return (alpha * torch.tensor(similarity)).softmax(dim=1)
