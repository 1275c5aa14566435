"""What RankByGene's image encoder learns from.

Its gene profile, the order of gene profiles, and its own running average.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.info_nce import info_nce
from medkd.objectives.rank_consistency import rank_consistency, ranking_loss_released

TEMPERATURE = 0.1
"""Of both contrastive terms."""


def training_loss(
    student: Tensor, teacher: Tensor, gene: Tensor, released_order: Tensor | None = None, eps: float = 1e-6
) -> dict[str, Tensor]:
    """The terms ``gene_image``, ``rank`` and ``consistency``, unweighted.

    The authors' weights are 1, 5 (breast) or 10 (lung), and 1.

    Args:
        student: image projection, "batch dim".
        teacher: the running average's, "batch dim"; no gradient.
        gene: gene projection, "batch dim".
        released_order: "batch" int64, a permutation: rank by the release's penalty, which is blind to order and trains
            the gene branch too. None ranks by sign, and the gene branch is a fixed target of it.
        eps: smallest norm.

    Source: Huang et al., RankByGene, arXiv:2411.15076.
    """
    rank = (
        rank_consistency(student, gene)
        if released_order is None
        else ranking_loss_released(gene, student, released_order)
    )
    return {
        "gene_image": info_nce(student, gene, TEMPERATURE, eps=eps),
        "rank": rank,
        "consistency": info_nce(student, teacher.detach(), TEMPERATURE, eps=eps),
    }


def _training_loss(inputs: Mapping[str, Tensor], alpha: float, beta: float, gene_image_flag: bool) -> dict[str, Tensor]:
    terms = training_loss(inputs["student"], inputs["teacher"], inputs["gene"], inputs["perm"], eps=1e-12)
    loss = alpha * terms["rank"] + beta * terms["consistency"]
    return {"loss": loss + terms["gene_image"] if gene_image_flag else loss, **terms}


GOLDEN = {"rankbygene/training_loss": _training_loss}
