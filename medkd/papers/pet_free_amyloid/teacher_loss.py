"""Training loss of the PET teacher: a triplet, labels, and terms that keep its embeddings from collapsing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.soft_triplet import soft_triplet

SHIFT = 1e-6
"""Added by the release to every component of a difference."""


def teacher_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    logits: Tensor,
    labels: Tensor,
    epoch: int,
) -> dict[str, Tensor]:
    """The terms ``triplet``, ``classification``, ``l2``, ``collapse`` and ``neg_similarity``; their sum is the loss.

    ``collapse`` is the excess of the anchors' mean cosine over 0.5.

    Args:
        anchor: PET slices that attend to MRI, pooled, "batch dim".
        positive: PET alone, "batch dim".
        negative: another subject's PET, "batch dim".
        logits: "batch".
        labels: "batch", 0 or 1.
        epoch: from 0; the two last terms rise from 0.1 at epoch 3 to 1 at epoch 12.

    Source: Chiumento et al. 2026, arXiv:2604.12574, phase 1.
    """
    scale = 0.1 if epoch < 3 else min(1.0, 0.1 + 0.1 * (epoch - 3))
    norms = torch.stack([torch.linalg.vector_norm(x, dim=1).mean() for x in (anchor, positive, negative)])
    alike = functional.cosine_similarity(anchor, negative, dim=1, eps=1e-8).mean()
    return {
        "triplet": soft_triplet(anchor, positive, negative, margin=1.0).mean(),
        "classification": functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype)),
        "l2": 0.01 * norms.sum(),
        "collapse": (mean_cosine(anchor) - 0.5).relu() * scale,
        "neg_similarity": (alike + 0.1).relu() * 0.5 * scale,
    }


def teacher_loss_released(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    logits: Tensor,
    labels: Tensor,
    epoch: int,
) -> dict[str, Tensor]:
    """The same terms with the release's hinge for the triplet, and ``collapse`` without gradient.

    That term shows in the value and can change nothing. Arguments as ``teacher_loss``.
    """
    terms = teacher_loss(anchor, positive, negative, logits, labels, epoch)
    hinge = hinge_triplet(anchor, positive, negative, margin=1.0).mean()
    return {**terms, "triplet": hinge, "collapse": terms["collapse"].detach()}


def hinge_triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """max(0, |a - p| - |a - n| + margin), which is what the release's "soft triplet" computes; "...".

    1e-6 is added to every component of a difference, so that |x - x| is not zero. Arguments as
    ``medkd.objectives.soft_triplet.soft_triplet``.

    Source: Chiumento et al. 2026, arXiv:2604.12574, as released.

    >>> hinge_triplet(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), margin=5.0).round(decimals=4)
    tensor([0.])
    """
    near: Tensor = torch.linalg.vector_norm(anchor - positive + SHIFT, dim=-1)
    far: Tensor = torch.linalg.vector_norm(anchor - negative + SHIFT, dim=-1)
    return (near - far + margin).relu()


def mean_cosine(embedding: Tensor) -> Tensor:
    """The mean cosine of every two rows of "batch dim"; zero for a single row.

    >>> mean_cosine(torch.eye(2)), mean_cosine(torch.ones(3, 2))
    (tensor(0.), tensor(1.0000))
    """
    unit = functional.normalize(embedding, dim=1)
    cosines = unit @ unit.T
    count = len(unit)
    return (cosines.sum() - cosines.diagonal().sum()) / max(count * (count - 1), 1)


def _phase1_teacher_loss(inputs: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
    embeddings = (inputs["anchor"], inputs["positive"], inputs["negative"])
    terms = teacher_loss_released(*embeddings, inputs["teacher_logits"], inputs["labels"], epoch)
    return {"loss": torch.stack(list(terms.values())).sum(), **terms}


def _soft_triplet(inputs: Mapping[str, Tensor], margin: float = 1.0) -> dict[str, Tensor]:
    return {"loss": hinge_triplet(inputs["anchor"], inputs["positive"], inputs["negative"], margin).mean()}


GOLDEN = {
    "pet_free_amyloid/phase1_teacher_loss": _phase1_teacher_loss,
    "pet_free_amyloid/soft_triplet": _soft_triplet,
}
