"""Label-guided distillation (OGKD): the true class in the parts of a sample with most evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.class_graph import graph_of, smoothed
from medkd.objectives.geometry_aware import check_classes
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def label_guided(student: Tensor, teacher: Tensor, graph: Tensor, label: Tensor, gamma: float = 0.3) -> Tensor:
    """KL(teacher ‖ student) of the true class against all others, in nats, "sample part"; never negative.

    The teacher's probabilities are smoothed over the class graph first.

    Args:
        student, teacher: logits "sample part class"; the teacher gets no gradient.
        graph: "class class", rows sum to one; no gradient.
        label: "sample" int64.
        gamma: 0 to 1, how much of each class is replaced by its neighbours.

    Source: after OGKD (LGD), arXiv:2606.04922; the release's form may be negative.

    >>> x = torch.rand(2, 4, 3)
    >>> label_guided(x, x, torch.eye(3), torch.tensor([0, 2]), gamma=0.0).abs().max().item() < 1e-6
    True
    """
    t_true, t_rest = _against_rest(smoothed(teacher, graph, gamma), label)
    s_true, s_rest = _against_rest(student.log_softmax(dim=-1), label)
    return t_true.exp() * (t_true - s_true) + t_rest.exp() * (t_rest - s_rest)


def guiding_parts(teacher: Tensor, label: Tensor, share: float) -> Tensor:
    """The parts of each sample where the teacher's logit of the true class is largest: "sample chosen" int64.

    Args:
        teacher: logits "sample part class".
        label: "sample" int64.
        share: of the parts that are chosen, rounded (half to even), at least one.
    """
    true = at_label(teacher.detach(), label)
    return true.topk(max(1, round(teacher.shape[1] * share)), dim=1).indices


def at_label(values: Tensor, label: Tensor) -> Tensor:
    """The entry of each sample's true class: "sample part class" and "sample" int64 → "sample part"."""
    return values.gather(2, label[:, None, None].expand(-1, values.shape[1], 1))[..., 0]


def _against_rest(log_p: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    index = label[:, None, None].expand(-1, log_p.shape[1], 1)
    return log_p.gather(2, index)[..., 0], log_p.scatter(2, index, -torch.inf).logsumexp(dim=2)


class LabelGuided(Objective):
    """Match the teacher's chance of the true class in the parts of each labelled sample where it is highest.

    Parts are what the logits' middle axis counts: patches, windows, tokens. Logits without one are a single part.

    Args:
        similarity: one row per class: how near each other class is, itself included.
        alpha: sharpness of the graph, softmax(alpha · similarity) in each row.
        gamma: 0 to 1, how much of each class is replaced by its neighbours.
        share: of the parts that are matched, above 0 to 1.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch part class" or "batch class", in nats. Term: ``lgd``, the mean over labelled samples and kept
    parts.

    Raises:
        InputError: the table is not square or has other classes, a share is outside, classes are not exclusive, or
            shapes differ.

    Source: OGKD, arXiv:2606.04922.
    """

    method: ClassVar[str] = "OGKD, label-guided (LGD)"
    source: ClassVar[str] = "OGKD 2026, arXiv:2606.04922"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    example: ClassVar[Mapping[str, Any]] = {"similarity": [[1.0, 0.6, 0.1], [0.6, 1.0, 0.2], [0.1, 0.2, 1.0]]}

    graph: Tensor

    def __init__(
        self,
        similarity: list[list[float]],
        alpha: float = 4.0,
        gamma: float = 0.3,
        share: float = 0.5,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not 0 <= gamma <= 1 or not 0 < share <= 1:
            raise InputError(
                f"gamma is {gamma}, share {share}", where="LabelGuided", remedy="Give both from 0 to 1, share above 0"
            )
        self.register_buffer("graph", graph_of(similarity, alpha, self), persistent=False)
        self.gamma = gamma
        self.share = share

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``lgd``."""
        s, t = student.logits, teacher.logits
        if s.dim() == 2:
            s, t = s[:, None], t[:, None]
        known = batch.labelled[:, 0]
        label = torch.where(known, batch.targets[:, 0], 0).long()
        parts = guiding_parts(t, label, self.share)[..., None].expand(-1, -1, s.shape[2])
        values = label_guided(s.gather(1, parts), t.gather(1, parts), self.graph, label, self.gamma).mean(dim=1)
        return {"lgd": torch.where(known, values, 0).sum() / known.sum().clamp(min=1)}

    def check(self, target: Target) -> None:
        """Refuse a target that is not a choice among the graph's classes."""
        check_classes(target, self.graph, self)
