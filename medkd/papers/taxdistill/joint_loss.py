"""TaxDistill's joint loss: taxonomy labels for student and teacher, and soft labels between them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.joint_hierarchy import hierarchy_nll, leaves_below
from medkd.objectives.soft_labels import soft_labels


def _joint_loss(inputs: Mapping[str, Tensor], kd_alpha: float = 0.5, temperature: float = 2.0) -> dict[str, Tensor]:
    student, teacher = inputs["student_logits"], inputs["teacher_logits"]
    below = leaves_below(inputs["parents"])[inputs["labels"]]
    sup, teacher_sup = hierarchy_nll(student, below).mean(), hierarchy_nll(teacher, below).mean()
    kd = soft_labels(student, teacher, temperature)
    loss = kd_alpha * sup + (1 - kd_alpha) * kd + teacher_sup
    return {"loss": loss, "loss_student_sup": sup, "loss_teacher_sup": teacher_sup, "loss_kd": kd}


GOLDEN = {"taxdistill/joint_loss": _joint_loss}
