"""Losses on logits: soft labels (KD), DKD and DIST."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.dist import dist
from medkd.objectives.dkd import dkd
from medkd.objectives.soft_labels import soft_labels


def kd_torchdistill(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, alpha: float | None, beta: float | None
) -> Tensor:
    """The weighted sum of cross-entropy and soft labels, as torchdistill 1.1.5 has it, in nats.

    That library leaves T² out where there is no cross-entropy, and then ignores beta.

    Args:
        student, teacher: logits "batch class"; the teacher gets no gradient.
        labels: "batch" int64.
        temperature: T > 0, dimensionless.
        alpha: weight of the cross-entropy; None or 0 leaves it out.
        beta: weight of the soft labels; None is 1 - alpha.
    """
    if not alpha:
        return soft_labels(student, teacher, temperature, t_squared=False)
    weight = 1 - alpha if beta is None else beta
    return alpha * functional.cross_entropy(student, labels) + weight * soft_labels(student, teacher, temperature)


def _kd(inputs: Mapping[str, Tensor], temperature: float) -> dict[str, Tensor]:
    return {"loss": soft_labels(inputs["logits_student"], inputs["logits_teacher"], temperature)}


def _kd_torchdistill(
    inputs: Mapping[str, Tensor], temperature: float, alpha: float | None, beta: float | None
) -> dict[str, Tensor]:
    logits = (inputs["logits_student"], inputs["logits_teacher"])
    return {"loss": kd_torchdistill(*logits, inputs["targets"], temperature, alpha, beta)}


def _dkd(inputs: Mapping[str, Tensor], alpha: float, beta: float, temperature: float) -> dict[str, Tensor]:
    target = inputs["target"]
    labelled = torch.ones_like(target, dtype=torch.bool)
    tckd, nckd = dkd(inputs["logits_student"], inputs["logits_teacher"], target, labelled, temperature)
    return {"loss": alpha * tckd + beta * nckd}


def _dist(inputs: Mapping[str, Tensor], beta: float, gamma: float, tau: float) -> dict[str, Tensor]:
    inter, intra = dist(inputs["logits_student"], inputs["logits_teacher"], tau)
    return {"loss": beta * inter + gamma * intra}


GOLDEN = {
    "standard/kd": _kd,
    "standard/kd_torchdistill": _kd_torchdistill,
    "standard/dkd": _dkd,
    "standard/dist": _dist,
}
