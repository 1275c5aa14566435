"""Replay (FORGE): outputs of an earlier model on earlier samples, kept while others are learned."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.networks.projector import Projector
from medkd.objectives.embedding_mse import embedding_mse
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision
from medkd.objectives.supervised import supervised

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def replay_distances(student: Tensor, teacher: Tensor, eps: float = EPS) -> Tensor:
    """Squared difference of the two matrices of distances between a batch's directions, mean over their B² entries.

    Zero for one sample.

    Args:
        student, teacher: "batch dim", brought to length one; widths may differ; the teacher gets no gradient.
        eps: smallest length.

    Source: FORGE, Chen and Yu 2026, arXiv:2604.14259; in the release alone, with weight 0.

    >>> replay_distances(3 * torch.eye(2), torch.eye(2))
    tensor(0.)
    """
    return (_distances(student, eps) - _distances(teacher.detach(), eps)).square().mean()


def _distances(embedding: Tensor, eps: float) -> Tensor:
    direction = functional.normalize(embedding, dim=1, eps=eps)
    return torch.cdist(direction, direction, compute_mode="donot_use_mm_for_euclid_dist")


class Replay(Objective):
    """FORGE's replay: labels, logits and embeddings that a frozen earlier model gave to the samples of its time.

    Its teacher is a bank of that model's outputs. Logits are matched as they are, not as probabilities: their size is
    kept too.

    Args:
        student_dim, teacher_dim: widths of the embeddings; a linear map joins them where they differ.
        label_weight: of the label's own loss, over labelled samples.
        logit_weight, embedding_weight: of the squared errors.
        relation_weight: of the distances between samples; 0, the authors' default, leaves them out.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch output", embeddings "batch dim". Terms: ``label`` (nats, or the target's units squared),
    ``logits``, ``embedding``, ``relation``; weighted. A weight of 0 leaves a term out.

    Raises:
        InputError: logits or embeddings are missing, their shapes differ, or every weight is zero.

    Source: Chen and Yu 2026, FORGE, arXiv:2604.14259, dual-level distillation.
    """

    method: ClassVar[str] = "FORGE replay"
    source: ClassVar[str] = "Chen and Yu 2026, arXiv:2604.14259"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_student: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    needs_teacher: ClassVar[tuple[str, ...]] = ("logits", "embedding")

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        label_weight: float = 0.1,
        logit_weight: float = 0.4,
        embedding_weight: float = 0.3,
        relation_weight: float = 0.0,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        self.weights = {
            "label": label_weight,
            "logits": logit_weight,
            "embedding": embedding_weight,
            "relation": relation_weight,
        }
        if not any(self.weights.values()):
            raise InputError(
                "every weight is 0", where="Replay", remedy="Give at least one above 0; 0.1, 0.4, 0.3 are the authors'"
            )
        self.projector = nn.Identity() if student_dim == teacher_dim else Projector(student_dim, teacher_dim)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms of weight above zero."""
        s, t = student.logits, teacher.logits
        s_embedding, t_embedding = self.projector(student.embedding), teacher.embedding
        check_same_shape(s_embedding, t_embedding, "embedding", self)
        terms: dict[str, Tensor] = {}
        if self.weights["label"]:
            terms["label"] = supervised(s, batch.targets, batch.labelled, batch.target.kind)
        if self.weights["logits"]:
            terms["logits"] = embedding_mse(s, t)
        if self.weights["embedding"]:
            terms["embedding"] = embedding_mse(s_embedding, t_embedding)
        if self.weights["relation"]:
            terms["relation"] = replay_distances(s_embedding, t_embedding)
        return {name: self.weights[name] * term for name, term in terms.items()}
