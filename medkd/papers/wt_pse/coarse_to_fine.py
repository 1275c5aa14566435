"""Coarse-to-fine segmentation: the optic disc first, then the cup inside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.precision import full_precision

INSIDE = 0.75
"""Probability above which a pixel belongs to the disc in which the cup is segmented."""


def disc_mask(logits: Tensor) -> Tensor:
    """1 where the disc is, else 0; the same shape as its logits, and without gradient.

    >>> disc_mask(torch.tensor([1.0, 1.2]))
    tensor([0., 1.])
    """
    return (torch.sigmoid(logits.detach()) > INSIDE).to(logits.dtype)


def inside_disc(image: Tensor, disc: Tensor) -> Tensor:
    """The image "batch channel ..." in [-1, 1] where the disc "batch 1 ..." is; -1, its darkest, elsewhere."""
    return (image + 1) * disc - 1


def cup_weight(disc: Tensor, cup: Tensor) -> Tensor:
    """How much more a pixel of the cup counts: the disc's area over the cup's inside it, over the whole batch.

    1 where that is not a number.

    >>> cup_weight(torch.ones(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]))
    tensor(4.)
    """
    weight = disc.sum() / (disc * cup).sum()
    return torch.where(weight.isfinite(), weight, 1.0)


@full_precision
def disc_loss(logits: Tensor, disc: Tensor) -> Tensor:
    """Binary cross-entropy of the disc, in nats, mean over pixels "batch 1 ...", from the logits.

    Exact however large they are.
    """
    return functional.binary_cross_entropy_with_logits(logits, disc)


@full_precision
def disc_loss_as_released(logits: Tensor, disc: Tensor) -> Tensor:
    """The same from rounded probabilities, logarithms cut at -100.

    A pixel that is wrong with a large logit gets no gradient.
    """
    return functional.binary_cross_entropy(torch.sigmoid(logits), disc)


@full_precision
def cup_loss(logits: Tensor, cup: Tensor, disc: Tensor) -> Tensor:
    """Weighted binary cross-entropy of the cup, in nats, mean over the pixels of the predicted disc.

    Zero where there is no disc.

    Args:
        logits, cup, disc: "batch 1 ..."; cup is annotated, disc predicted, 0 or 1.

    Source: WT-PSE, IEEE TMI 2024, document 10457051; the mean over the disc alone is ours.
    """
    losses = functional.binary_cross_entropy_with_logits(
        logits, cup, pos_weight=cup_weight(disc, cup), reduction="none"
    )
    return (losses * disc).sum() / disc.sum().clamp(min=1)


@full_precision
def cup_loss_as_released(logits: Tensor, cup: Tensor, disc: Tensor) -> Tensor:
    """The same over all pixels with the logit 0 outside the disc.

    Each adds a constant there, so that the loss falls as the disc grows.
    """
    return functional.binary_cross_entropy_with_logits(logits * disc, cup, pos_weight=cup_weight(disc, cup))


def _coarse_to_fine_seg_loss(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    disc, cup = disc_mask(inputs["od_logits"]), inputs["target_oc"]
    loss_od = disc_loss_as_released(inputs["od_logits"], inputs["target_od"])
    loss_oc = cup_loss_as_released(inputs["oc_logits"], cup, disc)
    parts = {"loss_od": loss_od, "loss_oc": loss_oc, "od_mask": disc, "pos_weight": cup_weight(disc, cup)}
    return {"loss": loss_od + loss_oc, "image_roi": inside_disc(inputs["image"], disc), **parts}


GOLDEN = {"wt_pse/coarse_to_fine_seg_loss": _coarse_to_fine_seg_loss}
