"""Margin-focal loss: labels with more weight on hard samples, a margin, and a gap between the classes."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def margin_focal(
    logits: Tensor,
    targets: Tensor,
    known: Tensor,
    gamma: float = 2.0,
    margin: float = 0.3,
    pos_weight: float = 1.0,
    contrastive_weight: float = 0.1,
    smoothing: float = 0.0,
    eps: float = 1e-8,
) -> Tensor:
    """Focal binary cross-entropy of logits moved against their class by a margin, plus a hinge on the class means.

    With u = x - m for positives and x + m for negatives: mean of (1 - p_t)^gamma · BCE(u, y), where p_t is the
    probability of the label at u. Where both classes occur, 0.1 · contrastive_weight · max(0, m - (mean positive x -
    mean negative x)) is added and the sum is at least ``eps``. The focal factor carries a gradient.

    Args:
        logits, targets, known: "sample"; targets 0 or 1, where not known anything.
        gamma: of the focal factor, at least 0.
        margin: m, both the shift and the wanted gap, in nats.
        pos_weight: how much more a positive counts in the cross-entropy.
        contrastive_weight: of the gap.
        smoothing: targets become y (1 - s) + s/2.
        eps: smallest value where both classes occur.

    Source: Chiumento et al. 2026, arXiv:2604.12574. The release also takes an alpha and ignores it; there is none here.

    >>> margin_focal(torch.zeros(2), torch.tensor([1.0, 0.0]), torch.ones(2).bool(), 0.0, 0.0, contrastive_weight=0.0)
    tensor(0.6931)
    """
    y = torch.where(known, targets, 0).to(logits.dtype)
    if smoothing > 0:
        y = y * (1 - smoothing) + 0.5 * smoothing
    positive, negative = known & (y > 0.5), known & (y <= 0.5)
    moved = torch.where(y > 0.5, logits - margin, logits + margin) if margin > 0 else logits
    cross_entropy = -(pos_weight * y * functional.logsigmoid(moved) + (1 - y) * functional.logsigmoid(-moved))
    wrong = (torch.sigmoid(moved) * (1 - y) + torch.sigmoid(-moved) * y).clamp(0, 1)
    loss = torch.where(known, wrong**gamma * cross_entropy, 0).sum() / known.sum().clamp(min=1)
    if contrastive_weight > 0:
        gap = (margin - (_mean(logits, positive) - _mean(logits, negative))).relu()
        both = positive.any() & negative.any()
        loss = torch.where(both, (loss + 0.1 * contrastive_weight * gap).clamp(min=eps), loss)
    return loss


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, values, 0).sum() / chosen.sum().clamp(min=1)


class MarginFocal(Objective):
    """Match labels with a margin-focal loss.

    Binary and multi-label targets are taken per label, exclusive classes one against the rest.

    It needs no teacher; give the supervised objective the weight 0 where this one takes its place.

    Args:
        gamma: of the focal factor, at least 0.
        margin: shift of each logit against its class, and wanted gap between the class means, in nats.
        pos_weight: how much more a positive counts.
        contrastive_weight: of the gap between the class means (times 0.1).
        smoothing: of the labels, 0 to below 1.

    Shapes: logits "batch class" or "batch label". Term: ``margin_focal``, in nats, the mean over labels; over labelled
    entries alone.

    Raises:
        InputError: a setting is out of range, or the target is a regression.

    Source: Chiumento et al. 2026, Cross-Modal Knowledge Distillation for PET-Free Amyloid-Beta Detection,
    arXiv:2604.12574.
    """

    method: ClassVar[str] = "Margin-focal loss"
    source: ClassVar[str] = "Chiumento et al. 2026, arXiv:2604.12574"
    needs_probabilities: ClassVar[bool] = True
    needs_teacher: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        gamma: float = 2.0,
        margin: float = 0.3,
        pos_weight: float = 1.0,
        contrastive_weight: float = 0.1,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if min(gamma, margin, contrastive_weight, smoothing) < 0 or smoothing >= 1 or not pos_weight > 0:
            what = (
                f"gamma {gamma}, margin {margin}, pos_weight {pos_weight}, "
                f"contrastive_weight {contrastive_weight}, smoothing {smoothing}"
            )
            raise InputError(
                what, where="MarginFocal", remedy="Give none below 0, pos_weight above 0, smoothing below 1"
            )
        self.settings = {
            "gamma": gamma,
            "margin": margin,
            "pos_weight": pos_weight,
            "contrastive_weight": contrastive_weight,
            "smoothing": smoothing,
        }

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``margin_focal``."""
        logits = student.logits
        targets, known = batch.targets, batch.labelled
        if batch.target.is_categorical:
            classes = torch.arange(logits.shape[1], device=logits.device)
            targets, known = (targets == classes).float(), known.expand_as(logits)
        terms = [
            margin_focal(logits[:, i], targets[:, i], known[:, i], **self.settings) for i in range(logits.shape[1])
        ]
        return {"margin_focal": torch.stack(terms).mean()}
