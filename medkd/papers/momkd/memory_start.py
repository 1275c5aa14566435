"""Start of a class's memory: the centres of its patches on the sphere."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

TINY = 1e-12


def spherical_kmeans(points: Tensor, order: Tensor, clusters: int, iterations: int = 20) -> Tensor:
    """Centres of points on the unit sphere, each the direction of the mean of the points nearest to it.

    An empty one stays.

    Args:
        points: "point dim", brought to length one.
        order: "point" int64, a permutation; the first ``clusters`` of it are the first centres.
        clusters: how many centres.
        iterations: how many rounds.

    Returns:
        "cluster dim", of length one.

    Source: Dhillon and Modha 2001, spherical k-means; MoMKD, arXiv:2602.21395, memory initialisation.

    >>> spherical_kmeans(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([1, 0]), 1)
    tensor([[0.7071, 0.7071]])
    """
    x = functional.normalize(points, dim=1, eps=TINY)
    centres = x[order[:clusters]]
    for _ in range(iterations):
        member = functional.one_hot((x @ centres.T).argmax(dim=1), len(centres)).to(x.dtype)
        count = member.sum(dim=0)[:, None]
        means = member.T @ x / count.clamp(min=1)
        centres = torch.where(count > 0, functional.normalize(means, dim=1, eps=TINY), centres)
    return functional.normalize(centres, dim=1, eps=TINY)


def _memory_init(inputs: Mapping[str, Tensor], k: int, iters: int) -> dict[str, Tensor]:
    return {
        name: spherical_kmeans(inputs[f"{name}_patches"], inputs[f"{name}_perm"], k, iters) for name in ("pos", "neg")
    }


GOLDEN = {"momkd/memory_init": _memory_init}
