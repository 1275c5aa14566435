"""Rank agreement: how far images rank a batch's spots by similarity as their genes do."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

TINY = 1e-12


def cosines(features: Tensor) -> Tensor:
    """Cosines between every two rows: "batch dim" → "batch batch"."""
    direction = functional.normalize(features, dim=1, eps=TINY)
    return direction @ direction.T


def rank_correlation(gene: Tensor, image: Tensor) -> Tensor:
    """Pearson's correlation of each spot's similarities to all spots, itself included, in genes and in image.

    Mean over spots.

    Shapes: cosines "batch batch" → scalar, -1 to 1. A spot that is equally similar to all has no correlation, and
    counts zero.

    Source: RankByGene, arXiv:2411.15076, validation.

    >>> s = torch.tensor([[1.0, 0.2], [0.2, 1.0]])
    >>> rank_correlation(s, s * 3)
    tensor(1.)
    """
    g, x = (s - s.mean(dim=1, keepdim=True) for s in (gene, image))
    return functional.cosine_similarity(g, x, dim=1, eps=TINY).mean()


def pair_accuracy(gene: Tensor, image: Tensor, pairs: Tensor) -> Tensor:
    """The share of pairs of other spots that genes and image rank alike, seen from each spot.

    A tie in either is not an agreement.

    Args:
        gene, image: cosines "batch batch".
        pairs: indices of two spots, "batch pair 2" int64.

    Source: RankByGene, arXiv:2411.15076, validation.
    """
    rows = torch.arange(len(pairs), device=pairs.device)[:, None]

    def order(similarity: Tensor) -> Tensor:
        return (similarity[rows, pairs[:, :, 0]] - similarity[rows, pairs[:, :, 1]]).sign()

    return (order(gene) * order(image) > 0).to(gene.dtype).mean()


def _rank_agreement(inputs: Mapping[str, Tensor], n_pairs: int) -> dict[str, Tensor]:
    gene, image = cosines(inputs["gene"]), cosines(inputs["image"])
    return {
        "rank_pearson": rank_correlation(gene, image),
        "rank_acc": pair_accuracy(gene, image, inputs["pairs"][:, :n_pairs]),
    }


GOLDEN = {"rankbygene/rank_agreement": _rank_agreement}
