"""What the PET teacher learns from: a triplet, labels, and what keeps its embeddings from collapsing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.soft_triplet import soft_triplet


def teacher_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    logits: Tensor,
    labels: Tensor,
    epoch: int,
    released: bool = False,
) -> dict[str, Tensor]:
    """The terms ``triplet``, ``classification``, ``l2``, ``collapse`` and ``neg_similarity``; their sum is the loss.

    ``collapse`` is the excess of the anchors' mean cosine over 0.5. In the release it is computed without gradient: it
    shows in the value and can change nothing. Here it has one.

    Args:
        anchor: PET slices that attend to MRI, pooled, "batch dim".
        positive: PET alone, "batch dim".
        negative: another subject's PET, "batch dim".
        logits: "batch".
        labels: "batch", 0 or 1.
        epoch: from 0; the two last terms rise from 0.1 at epoch 3 to 1 at epoch 12.
        released: a hinge instead of the soft triplet, and no gradient of ``collapse``.

    Source: Chiumento et al. 2026, arXiv:2604.12574, phase 1.
    """
    scale = 0.1 if epoch < 3 else min(1.0, 0.1 + 0.1 * (epoch - 3))
    norms = torch.stack([torch.linalg.vector_norm(x, dim=1).mean() for x in (anchor, positive, negative)])
    with torch.set_grad_enabled(torch.is_grad_enabled() and not released):
        collapse = (mean_cosine(anchor) - 0.5).relu() * scale
    alike = functional.cosine_similarity(anchor, negative, dim=1, eps=1e-8).mean()
    return {
        "triplet": soft_triplet(anchor, positive, negative, 1.0, released).mean(),
        "classification": functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype)),
        "l2": 0.01 * norms.sum(),
        "collapse": collapse,
        "neg_similarity": (alike + 0.1).relu() * 0.5 * scale,
    }


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
    terms = teacher_loss(*embeddings, inputs["teacher_logits"], inputs["labels"], epoch, released=True)
    return {"loss": torch.stack(list(terms.values())).sum(), **terms}


GOLDEN = {"pet_free_amyloid/phase1_teacher_loss": _phase1_teacher_loss}
