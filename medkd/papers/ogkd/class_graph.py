"""OGKD's graph among the classes in training, and its released forms, whose rows do not sum to one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.class_graph import class_graph
from medkd.objectives.precision import full_precision


@full_precision
def effective_base_graph(graph: Tensor, base: Tensor, novel_weight: float = 0.1) -> Tensor:
    """The graph among the classes in training, with the ways that lead through the others added.

    W_bb + λ W_bn W_nb, rows scaled to one.

    Args:
        graph: "class class", rows sum to one.
        base: indices of the classes in training, in their order; the others are novel.
        novel_weight: λ.

    Source: OGKD, arXiv:2606.04922 (in the release the folding is never reached: no data set names its novel classes).

    >>> effective_base_graph(torch.full((3, 3), 1 / 3), torch.tensor([0, 1])).sum(dim=1)
    tensor([1., 1.])
    """
    folded = effective_base_graph_released(graph, base, novel_weight)
    return folded / folded.sum(dim=1, keepdim=True)


@full_precision
def effective_base_graph_released(graph: Tensor, base: Tensor, novel_weight: float = 0.1) -> Tensor:
    """The release's form: rows are left as they are, and their sum differs between classes.

    Arguments as ``effective_base_graph``.
    """
    novel = torch.ones(len(graph), dtype=torch.bool, device=graph.device).index_fill(0, base, False)
    return graph[base][:, base] + novel_weight * graph[base][:, novel] @ graph[novel][:, base]


@full_precision
def smoothed_released(teacher: Tensor, graph: Tensor, gamma: float) -> Tensor:
    """The release's target: (1 - gamma) log p + gamma log p W, which does not sum to one; W's columns do not either.

    Arguments as ``medkd.objectives.class_graph.smoothed``.
    """
    log_p = teacher.detach().log_softmax(dim=-1)
    return (1 - gamma) * log_p + gamma * log_p @ graph.detach().to(log_p.dtype)


def _class_graph(inputs: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    return {"W": class_graph(inputs["prototypes"], alpha)}


def _effective_base_graph(inputs: Mapping[str, Tensor], lambda_novel: float) -> dict[str, Tensor]:
    return {"W_eff": effective_base_graph_released(inputs["W_all"], inputs["base_idx"], lambda_novel)}


GOLDEN = {"ogkd/class_graph": _class_graph, "ogkd/effective_base_graph": _effective_base_graph}
