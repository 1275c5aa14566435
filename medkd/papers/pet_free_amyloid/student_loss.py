"""Training loss of the MRI student: labels, the PET teacher's embedding and its logit, by a timetable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.clamped_soft_labels import clamped_soft_labels
from medkd.objectives.margin_focal import margin_focal


@dataclass(frozen=True)
class Timetable:
    """Settings of one epoch.

    Args:
        temperature: of the logit term, dimensionless.
        margin: of the classification term, in nats.
        contrastive_weight: of its gap between classes.
        w_cls, w_feat, w_logit: weights of the three terms.
    """

    temperature: float
    margin: float
    contrastive_weight: float
    w_cls: float
    w_feat: float
    w_logit: float

    @classmethod
    def at(cls, epoch: int) -> Timetable:
        """The settings of an epoch, counted from 0.

        >>> Timetable.at(0).margin, Timetable.at(99).temperature
        (0.3, 1.0)
        """
        temperature = 2.5 if epoch < 5 else 2.5 - 0.1 * (epoch - 5) if epoch < 20 else 1.0
        margin = 0.3 if epoch < 5 else 0.3 + 0.06 * (epoch - 5) if epoch < 20 else 1.2
        weights = (0.3 + 0.1 * epoch / 10, 0.5 - 0.1 * epoch / 10) if epoch < 10 else (0.4, 0.4)
        return cls(temperature, margin, 0.1 if epoch < 10 else 0.3, *weights, 0.2)


def student_loss(
    student_embedding: Tensor,
    teacher_embedding: Tensor,
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    now: Timetable,
) -> dict[str, Tensor]:
    """The terms ``classification``, ``feature`` and ``logit``, unweighted.

    ``feature`` is the squared distance of the two embeddings' directions, mean over the batch.

    Args:
        student_embedding, teacher_embedding: "batch dim"; the teacher gets no gradient.
        student, teacher: logits "batch"; the teacher gets no gradient.
        labels: "batch", 0 or 1.
        now: settings of the epoch.

    Source: Chiumento et al. 2026, arXiv:2604.12574, phase 2.
    """
    s, t = functional.normalize(student_embedding, dim=1), functional.normalize(teacher_embedding.detach(), dim=1)
    known = torch.ones_like(labels, dtype=torch.bool)
    return {
        "classification": margin_focal(
            student, labels, known, 2.0, now.margin, contrastive_weight=now.contrastive_weight
        ),
        "feature": (s - t).square().sum(dim=1).mean(),
        "logit": clamped_soft_labels(student, teacher, now.temperature, floor=0.0),
    }


def student_loss_released(
    student_embedding: Tensor,
    teacher_embedding: Tensor,
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    now: Timetable,
) -> dict[str, Tensor]:
    """The same terms with ``feature`` as the mean over the embedding's entries too, as released.

    That makes it 1/128 of ours, nearly inactive beside the others. Arguments as ``student_loss``.
    """
    terms = student_loss(student_embedding, teacher_embedding, student, teacher, labels, now)
    return {**terms, "feature": terms["feature"] / student_embedding.shape[1]}


def _phase2_student_loss(inputs: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
    now = Timetable.at(epoch)
    embeddings, logits = (
        (inputs["student_emb"], inputs["teacher_emb"]),
        (inputs["student_logits"], inputs["teacher_logits"]),
    )
    terms = student_loss_released(*embeddings, *logits, inputs["labels"], now)
    loss = now.w_cls * terms["classification"] + now.w_feat * terms["feature"] + now.w_logit * terms["logit"]
    return {
        "loss": loss,
        **terms,
        **{name: torch.tensor(value, dtype=torch.float64) for name, value in asdict(now).items()},
    }


def _margin_focal(
    inputs: Mapping[str, Tensor], alpha: float | None = None, reduction: str = "mean", **settings: float
) -> dict[str, Tensor]:
    # The release accepts alpha and ignores it.
    defaults = {"gamma": 2.0, "margin": 0.0, "contrastive_weight": 0.0}
    known = torch.ones_like(inputs["targets"], dtype=torch.bool)
    return {"loss": margin_focal(inputs["logits"], inputs["targets"], known, **(defaults | settings))}


GOLDEN = {
    "pet_free_amyloid/phase2_student_loss": _phase2_student_loss,
    "pet_free_amyloid/margin_focal": _margin_focal,
}
