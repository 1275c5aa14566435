"""OGKD's two distillation losses as released: geometry-aware (GAD) and label-guided (LGD)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.label_guided import at_label
from medkd.objectives.precision import full_precision
from medkd.papers.ogkd.class_graph import smoothed_released


@full_precision
def geometry_aware_released(student: Tensor, teacher: Tensor, graph: Tensor, gamma: float = 0.3) -> Tensor:
    """The release's GAD: targets do not sum to one, so it is not a divergence and may be negative.

    Mean over batch and classes. With gamma 0 it is KL(teacher ‖ student) / classes. Arguments as
    ``medkd.objectives.geometry_aware.geometry_aware``.
    """
    target = smoothed_released(teacher, graph, gamma)
    return (target.exp() * (target - student.log_softmax(dim=-1))).mean()


@full_precision
def label_guided_released(student: Tensor, teacher: Tensor, graph: Tensor, label: Tensor, gamma: float = 0.3) -> Tensor:
    """The release's LGD: p (ln p - ln q) of the true class alone, which may be negative.

    Arguments and shape as ``medkd.objectives.label_guided.label_guided``.
    """
    t, s = at_label(smoothed_released(teacher, graph, gamma), label), at_label(student.log_softmax(dim=-1), label)
    return t.exp() * (t - s)


def guiding_parts_released(teacher: Tensor, label: Tensor, share: float) -> Tensor:
    """The release's choice of parts, by the absolute value of the true class's logit: "sample chosen" int64.

    That also takes the parts whose logits are most against the class. Arguments as
    ``medkd.objectives.label_guided.guiding_parts``.
    """
    true = at_label(teacher.detach(), label)
    return true.abs().topk(max(1, round(teacher.shape[1] * share)), dim=1).indices


def _gad_loss(inputs: Mapping[str, Tensor], gamma: float) -> dict[str, Tensor]:
    return {"loss": geometry_aware_released(inputs["student_logits"], inputs["teacher_logits"], inputs["W"], gamma)}


def _lgd_loss(inputs: Mapping[str, Tensor], gamma: float) -> dict[str, Tensor]:
    logits = (inputs["student_logits"], inputs["teacher_logits"])
    return {"loss": label_guided_released(*logits, inputs["W"], inputs["labels"], gamma).mean()}


GOLDEN = {"ogkd/gad_loss": _gad_loss, "ogkd/lgd_loss": _lgd_loss}
