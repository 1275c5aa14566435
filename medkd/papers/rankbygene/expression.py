"""Gene expression of a slide's spots, made comparable between spots and smoothed over neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from scipy.spatial import KDTree
from torch import Tensor


def normalised(counts: Tensor, total: float = 1e4) -> Tensor:
    """log(1 + counts scaled to the same total per spot), "spot gene"; a spot without any count stays zero.

    >>> normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]]), total=4.0).exp()
    tensor([[2., 4.],
            [1., 1.]])
    """
    library = counts.sum(dim=1, keepdim=True)
    return torch.log1p(counts / torch.where(library == 0, 1, library) * total)


def smoothed(expression: Tensor, position: Tensor) -> Tensor:
    """The mean of each spot and those of its eight neighbours on the grid that the slide has.

    Args:
        expression: "spot gene".
        position: row and column of each spot, "spot 2" int64, no two alike.

    Source: RankByGene, arXiv:2411.15076, preprocessing.

    >>> smoothed(torch.tensor([[0.0], [2.0], [9.0]]), torch.tensor([[0, 0], [1, 1], [5, 5]])).T
    tensor([[1., 1., 9.]])
    """
    pairs = torch.from_numpy(KDTree(position.numpy()).query_pairs(1, p=float("inf"), output_type="ndarray")).long()
    to, source = torch.cat([pairs, pairs.flip(1)]).T
    sums = expression.index_add(0, to, expression[source])
    return sums / (1 + torch.bincount(to, minlength=len(expression)))[:, None]


def _expression_smooth(inputs: Mapping[str, Tensor], target_sum: float) -> dict[str, Tensor]:
    expression = normalised(inputs["counts"], target_sum)
    return {"normalized": expression, "smoothed": smoothed(expression, inputs["coords"])}


GOLDEN = {"rankbygene/expression_smooth": _expression_smooth}
