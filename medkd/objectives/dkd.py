"""Decoupled knowledge distillation (DKD): the true class and the others, weighted apart."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def dkd(
    student: Tensor, teacher: Tensor, target: Tensor, labelled: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The two halves of the soft-label divergence: true class against the rest (TCKD), and among the rest (NCKD).

    TCKD = T² · mean of KL((p_y, 1 - p_y) ‖ (q_y, 1 - q_y)), NCKD = T² · mean of KL(p without y ‖ q without y), both
    over the labelled samples: an unlabelled one has no true class to divide by, and counts zero. With two classes NCKD
    is zero.

    Args:
        student, teacher: logits "batch class"; the teacher gets no gradient.
        target: class index, "batch" int64; anything within range where unlabelled.
        labelled: "batch" bool.
        temperature: T > 0, dimensionless.

    Source: Zhao et al. 2022, arXiv:2203.08679, eq. 6; T² on both halves as the authors' code has it.
    """
    s = (student / temperature).log_softmax(dim=1)
    t = (teacher.detach() / temperature).log_softmax(dim=1)
    true = torch.nn.functional.one_hot(target, student.shape[1]).bool()

    def halves(log_p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities of the true class and of all others together, and those of each among the others."""
        others = log_p.masked_fill(true, -torch.inf)
        rest = others.logsumexp(dim=1)
        return log_p.gather(1, target[:, None])[:, 0], rest, (log_p - rest[:, None]).masked_fill(true, 0)

    s_true, s_rest, s_among = halves(s)
    t_true, t_rest, t_among = halves(t)
    binary = t_true.exp() * (t_true - s_true) + t_rest.exp() * (t_rest - s_rest)
    among = (t_among.exp() * (t_among - s_among)).masked_fill(true, 0).sum(dim=1)
    known = labelled.sum().clamp(min=1)
    scale = temperature**2
    return scale * torch.where(labelled, binary, 0).sum() / known, scale * torch.where(labelled, among, 0).sum() / known


class DKD(Objective):
    """Decoupled distillation for exclusive classes: alpha TCKD + beta NCKD, over the labelled samples.

    Args:
        alpha: weight of the true class against the rest.
        beta: weight of the distribution among the rest.
        temperature: T > 0, dimensionless.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", in nats. Terms: ``tckd`` and ``nckd``, weighted. The authors raise the weight linearly
    over 20 epochs.

    Raises:
        InputError: the target is not multi-class, the temperature not above zero, or the logits' shapes differ.

    Source: Zhao et al. 2022, Decoupled Knowledge Distillation, arXiv:2203.08679.
    """

    method: ClassVar[str] = "DKD"
    source: ClassVar[str] = "Zhao et al. 2022, arXiv:2203.08679"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)

    def __init__(self, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="DKD", remedy="4 is the authors'"
            )
        self.alpha = alpha
        self.beta = beta
        self.temperature = temperature

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``tckd`` and ``nckd``."""
        s, t = student.logits, teacher.logits
        labelled = batch.labelled[:, 0]
        target = torch.where(labelled, batch.targets[:, 0], 0).long()
        tckd, nckd = dkd(s, t, target, labelled, self.temperature)
        return {"tckd": self.alpha * tckd, "nckd": self.beta * nckd}

    def check(self, target: Target) -> None:
        """Refuse classes that do not exclude each other."""
        if not target.is_categorical:
            raise InputError(f"target '{target.key}' is {target.kind}", where="DKD", remedy="Use SoftLabels instead")
