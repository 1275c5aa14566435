"""PicoSAM3's training loss as released: a saturating cross-entropy, and one trust for the whole batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.mask_distillation import MaskTerms, dice_loss, mask_distillation
from medkd.objectives.precision import full_precision


@full_precision
def mask_distillation_released(
    student: Tensor, teacher: Tensor, mask: Tensor, sharpness: float = 5.0, least_area: float = 0.4
) -> MaskTerms:
    """The release's terms: cross-entropy of rounded probabilities, their logarithms cut at -100.

    A pixel that is wrong with a large logit gets no gradient. Arguments as
    ``medkd.objectives.mask_distillation.mask_distillation``.

    Source: PicoSAM3, arXiv:2603.11917, as released.
    """
    p = torch.sigmoid(sharpness * student)
    entropy = functional.binary_cross_entropy(p, mask, reduction="none").flatten(1).mean(dim=1)
    terms = mask_distillation(student, teacher, mask, sharpness, least_area)
    return terms._replace(label=entropy + dice_loss(p, mask))


@full_precision
def intersection_over_union(student: Tensor, mask: Tensor) -> Tensor:
    """Of the pixels with a logit above zero and the mask's, over the whole batch; one where both are empty.

    >>> intersection_over_union(torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    tensor(0.5000)
    """
    predicted, annotated = student > 0, mask > 0.5
    union = (predicted | annotated).sum()
    return torch.where(union > 0, (predicted & annotated).sum().to(student.dtype) / union.clamp(min=1), 1.0)


def _distill_loss(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    terms = mask_distillation_released(inputs["pred"], inputs["teacher"], inputs["gt"])
    teacher, label, area = (term.mean() for term in terms)
    trust = inputs["score"].clamp(0, 1).mean()
    loss = trust * teacher + (1 - trust) * label + 0.4 * area
    iou = intersection_over_union(inputs["pred"], inputs["gt"])
    return {"loss": loss, "teacher_loss": teacher, "gt_loss": label, "area_loss": area, "iou": iou}


GOLDEN = {"picosam3/distill_loss": _distill_loss}
