"""Training loss of RankByGene's image encoder: gene profiles, their order, and the encoder's own running average."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.info_nce import info_nce
from medkd.objectives.rank_consistency import rank_consistency
from medkd.papers.rankbygene.ranking import ranking_loss_released

TEMPERATURE = 0.1
"""Of both contrastive terms."""


def training_loss(student: Tensor, teacher: Tensor, gene: Tensor, eps: float = 1e-6) -> dict[str, Tensor]:
    """The terms ``gene_image``, ``rank`` and ``consistency``, unweighted.

    The gene branch is a fixed target of ``rank``. The authors' weights are 1, 5 (breast) or 10 (lung), and 1.

    Args:
        student: image projection, "batch dim".
        teacher: the running average's, "batch dim"; no gradient.
        gene: gene projection, "batch dim".
        eps: smallest norm.

    Source: Huang et al., RankByGene, arXiv:2411.15076.
    """
    return {
        "gene_image": info_nce(student, gene, TEMPERATURE, eps=eps),
        "rank": rank_consistency(student, gene),
        "consistency": info_nce(student, teacher.detach(), TEMPERATURE, eps=eps),
    }


def training_loss_released(
    student: Tensor, teacher: Tensor, gene: Tensor, order: Tensor, eps: float = 1e-6
) -> dict[str, Tensor]:
    """The same terms with the release's ``rank``, which is blind to order and trains the gene branch too.

    Args:
        student, teacher, gene, eps: as for ``training_loss``.
        order: "batch" int64, a permutation.
    """
    rank = ranking_loss_released(gene, student, order)
    return {**training_loss(student, teacher, gene, eps), "rank": rank}


def _training_loss(inputs: Mapping[str, Tensor], alpha: float, beta: float, gene_image_flag: bool) -> dict[str, Tensor]:
    terms = training_loss_released(inputs["student"], inputs["teacher"], inputs["gene"], inputs["perm"], eps=1e-12)
    loss = alpha * terms["rank"] + beta * terms["consistency"]
    return {"loss": loss + terms["gene_image"] if gene_image_flag else loss, **terms}


def _infonce(inputs: Mapping[str, Tensor], temperature: float = 0.1) -> dict[str, Tensor]:
    return {"loss": info_nce(inputs["query"], inputs["key"], temperature, eps=1e-12)}


GOLDEN = {"rankbygene/training_loss": _training_loss, "rankbygene/infonce": _infonce}
