"""Mask distillation (PicoSAM3): the teacher's mask as far as it is trusted, the annotated one for the rest."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Added to areas: an empty mask has a Dice coefficient of one with an empty one."""


class MaskTerms(NamedTuple):
    """The three parts of mask distillation, each "batch", dimensionless but for the cross-entropy's nats."""

    teacher: Tensor
    label: Tensor
    area: Tensor


def dice_loss(a: Tensor, b: Tensor) -> Tensor:
    """One minus the Dice coefficient of two soft masks "batch ...", over all axes but the first.

    >>> dice_loss(torch.ones(1, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0]])).round(decimals=4)
    tensor([0.3333])
    """
    a, b = a.flatten(1), b.flatten(1)
    return 1 - (2 * (a * b).sum(dim=1) + EPS) / (a.sum(dim=1) + b.sum(dim=1) + EPS)


@full_precision
def mask_distillation(
    student: Tensor,
    teacher: Tensor,
    mask: Tensor,
    sharpness: float = 5.0,
    least_area: float = 0.4,
) -> MaskTerms:
    """Losses of a mask ``p = sigmoid(sharpness · student)``: against the teacher's ``q``, the label, a vanishing area.

    teacher: mean (p - q)² + Dice loss. label: mean binary cross-entropy + Dice loss. area: what the predicted area
    lacks to ``least_area`` of the labelled one, as a share of that.

    Args:
        student, teacher: logits "batch ..."; the teacher gets no gradient.
        mask: the same shape, 0 or 1.
        sharpness: factor of all logits before the sigmoid.
        least_area: share of the labelled area.

    Source: PicoSAM3, arXiv:2603.11917.
    """
    p, q = torch.sigmoid(sharpness * student), torch.sigmoid(sharpness * teacher.detach())
    entropy = functional.binary_cross_entropy_with_logits(sharpness * student, mask, reduction="none")
    share = p.flatten(1).sum(dim=1) / (mask.flatten(1).sum(dim=1) + EPS)
    return MaskTerms(
        teacher=(p - q).square().flatten(1).mean(dim=1) + dice_loss(p, q),
        label=entropy.flatten(1).mean(dim=1) + dice_loss(p, mask),
        area=(least_area - share).clamp(min=0),
    )


class MaskDistillation(Objective):
    """Match the teacher's mask as far as it is trusted, the annotated one for the rest, and let no mask vanish.

    Three flaws of the release are corrected. It weighs a whole batch by the mean of its samples' trust; here each
    sample counts by its own. Its cross-entropy has no gradient where a pixel is wrong with a large logit. Every sample
    must be annotated; here one that is not is matched to the teacher alone. A sample with any entry unlabelled counts
    as unlabelled. Classes that exclude each other are taken as one mask each.

    Args:
        trust: in the teacher against the annotation, 0 to 1. The authors take the teacher's own score of each mask; 0.5
            in validation.
        area_weight: of the area term.
        least_area: share of the annotated area that a mask must have.
        sharpness: factor of all logits before the sigmoid.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch label ..." and targets of that shape (or class indices "batch 1"). Terms: ``teacher``,
    ``label`` and ``area``, weighted, mean over the batch.

    Raises:
        InputError: the target is a regression, shapes differ, or ``trust`` is not a share.

    Source: PicoSAM3, arXiv:2603.11917.
    """

    method: ClassVar[str] = "PicoSAM3"
    source: ClassVar[str] = "PicoSAM3 2026, arXiv:2603.11917"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(
        self,
        trust: float = 0.5,
        area_weight: float = 0.4,
        least_area: float = 0.4,
        sharpness: float = 5.0,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not 0 <= trust <= 1:
            raise InputError(
                f"trust is {trust}",
                where="MaskDistillation",
                remedy="Give a share of 0 to 1; 1 uses the teacher alone",
            )
        self.trust, self.area_weight, self.least_area, self.sharpness = trust, area_weight, least_area, sharpness

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``teacher``, ``label`` and ``area``."""
        s, t = student.logits, teacher.logits
        mask, labelled = _mask(batch, s.shape[1])
        check_same_shape(s, mask, "logits", self)
        terms = mask_distillation(
            s, t, mask.to(torch.promote_types(s.dtype, torch.float32)), self.sharpness, self.least_area
        )
        trust = torch.where(labelled, self.trust, 1.0).to(terms.teacher.dtype)
        area = torch.where(labelled, self.area_weight * terms.area, 0)
        return {
            "teacher": (trust * terms.teacher).mean(),
            "label": ((1 - trust) * terms.label).mean(),
            "area": area.mean(),
        }


def _mask(batch: Batch, outputs: int) -> tuple[Tensor, Tensor]:
    """The annotated mask, 0 where unlabelled, and which samples are annotated throughout."""
    labelled = batch.labelled.flatten(1).all(dim=1)
    target = torch.where(batch.labelled, batch.targets, 0)
    if batch.target.is_categorical:
        return functional.one_hot(target[:, 0].long(), outputs).movedim(-1, 1), labelled
    return target, labelled
