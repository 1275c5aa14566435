"""Class memory (MoMKD): student and teacher are matched through a memory of class prototypes, not directly."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Smallest length of a slot or a projection."""


@full_precision
def memory_alignment(
    features: Tensor, memory: Tensor, label: Tensor, margin: float = 0.3, sharpness: float = 5.0, slope: float = 20.0
) -> Tensor:
    """How far features are from being closer to their own class's slots than to any other's, by a margin.

    The value is softplus(slope (margin - delta)).

    The closeness to a class is the soft maximum of the cosines to its slots,
    ``logsumexp(sharpness · cos) / sharpness``; delta is that to the own class less the largest to another.

    Args:
        features: "batch dim", of length one.
        memory: "class slot dim", of length one.
        label: "batch" int64.
        margin: of the closeness.
        sharpness, slope: of the soft maximum and the loss; both are fixed in the release.

    Returns:
        "batch".

    Source: MoMKD, arXiv:2602.21395, alignment loss, there for two classes and one slide.

    >>> memory = torch.eye(2)[:, None]
    >>> memory_alignment(torch.eye(2), memory, torch.tensor([0, 0])).round(decimals=3)
    tensor([ 0., 26.])
    """
    closeness = torch.logsumexp(sharpness * torch.einsum("bd,ckd->bck", features, memory), dim=2) / sharpness
    member = functional.one_hot(label, len(memory)).bool()
    delta = closeness.masked_fill(~member, 0).sum(dim=1) - closeness.masked_fill(member, -torch.inf).amax(dim=1)
    return functional.softplus(slope * (margin - delta))


@full_precision
def commitment(features: Tensor, memory: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Squared difference of each feature to the nearest slot of its class, mean over the width; slots get no gradient.

    Args:
        features: "batch dim".
        memory: "class slot dim".
        label: "batch" int64.

    Returns:
        "batch", and the slot's index "batch" (the first of equally near ones).

    Source: MoMKD, arXiv:2602.21395, memory regularisation; van den Oord et al. 2017, arXiv:1711.00937, eq. 3.
    """
    slots = memory.detach()
    products = torch.einsum("bd,ckd->bck", features.detach(), slots)
    squares = features.detach().square().sum(dim=1)[:, None, None] + slots.square().sum(dim=2) - 2 * products
    rows = torch.arange(len(features), device=features.device)
    index = squares.clamp(min=1e-8).sqrt()[rows, label].argmin(dim=1)
    return (slots[label, index] - features).square().mean(dim=1), index


@torch.no_grad()
def moved_memory(memory: Tensor, features: Tensor, label: Tensor, momentum: float) -> Tensor:
    """The memory after one step of a running mean.

    Each slot moves towards the mean of the features nearest to it, and is scaled back to length one.

    Args:
        memory: "class slot dim", of length one.
        features: "batch dim", of length one.
        label: "batch" int64.
        momentum: what is kept of a slot that has features; others stay.

    >>> moved_memory(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0]), 0.5).round(decimals=3)
    tensor([[[0.7070, 0.7070]]])
    """
    _, index = commitment(features, memory, label)
    slot = label * memory.shape[1] + index
    flat = memory.flatten(0, 1)
    sums = torch.zeros_like(flat).index_add_(0, slot, features.to(flat.dtype))
    counts = torch.bincount(slot, minlength=len(flat))[:, None]
    moved = functional.normalize(momentum * flat + (1 - momentum) * sums / counts.clamp(min=1), dim=1, eps=EPS)
    return torch.where(counts > 0, moved, flat).reshape(memory.shape)


class ClassMemory(Objective):
    """MoMKD: student and teacher are each drawn to slots of their class in a memory, and away from the other classes'.

    Both are projected to one sphere. The routes of gradients: the alignment of each reaches its own projection, never
    the other's; the commitment reaches the student's alone. The memory is a running mean of both projections and has no
    gradient, as the paper says. In the release it has no momentum: its slots are parameters that the alignments of both
    and an orthogonality term move, so that both gradients meet there. More classes than two are ours: the nearest other
    class counts.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        classes: number of classes; 2 for a binary target.
        shared: dimension of the sphere.
        slots: prototypes per class.
        margin: by which the own class must be closer.
        student_weight, teacher_weight: of the alignments.
        memory_weight: of the commitment.
        momentum: of the running mean, 0 to 1.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Terms, over labelled samples: ``align_student``, ``align_teacher``, ``mem``;
    weighted, dimensionless.

    Raises:
        InputError: an embedding is missing or has another width, or the target has not as many exclusive classes.

    Source: Momentum Memory for Knowledge Distillation in Computational Pathology (MoMKD), arXiv:2602.21395.
    """

    method: ClassVar[str] = "MoMKD"
    source: ClassVar[str] = "MoMKD 2026, arXiv:2602.21395"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)
    memory: Tensor

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        classes: int,
        shared: int = 64,
        slots: int = 16,
        margin: float = 0.3,
        student_weight: float = 0.2,
        teacher_weight: float = 0.05,
        memory_weight: float = 0.1,
        momentum: float = 0.99,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if classes < 2 or slots < 1 or not 0 <= momentum <= 1:
            what = f"classes is {classes}, slots is {slots}, momentum is {momentum}"
            raise InputError(
                what, where="ClassMemory", remedy="Give at least 2 classes and 1 slot, and a momentum of 0 to 1"
            )
        self.student, self.projected_teacher = Projector(student_dim, shared), Projector(teacher_dim, shared)
        self.margin, self.momentum = margin, momentum
        self.weights = (student_weight, teacher_weight, memory_weight)
        memory = functional.normalize(torch.randn(classes, slots, shared), dim=2)
        self.register_buffer("memory", memory)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``align_student``, ``align_teacher`` and ``mem``."""
        label, labelled = _labels(batch)
        align_student, align_teacher, mem = self._terms(student.embedding, teacher.embedding.detach(), label, labelled)
        weights = self.weights
        return {
            "align_student": weights[0] * align_student,
            "align_teacher": weights[1] * align_teacher,
            "mem": weights[2] * mem,
        }

    @torch.no_grad()
    def remember(self, student: Fields, teacher: Fields, batch: Batch) -> None:
        """Move the memory towards what the labelled samples of student and teacher projected to."""
        label, labelled = _labels(batch)
        projections = self._projected(student.embedding, teacher.embedding)
        features = torch.cat([projection[labelled] for projection in projections])
        self.memory.copy_(moved_memory(self.memory, features, label[labelled].repeat(2), self.momentum))

    def check(self, target: Target) -> None:
        """Refuse a target with another number of classes than the memory has."""
        classes = target.outputs if target.is_categorical else 2 if target.kind == "binary" else 0
        if classes != len(self.memory):
            have = f"the memory has {len(self.memory)} classes"
            what = f"target '{target.key}' is {target.kind} with {target.outputs} outputs, {have}"
            remedy = f"Set classes to {classes}" if classes else "Use it for a binary or multi-class target"
            raise InputError(what, where="ClassMemory", remedy=remedy)

    @full_precision
    def _projected(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.student(student), self.projected_teacher(teacher)
        return functional.normalize(s, dim=1, eps=EPS), functional.normalize(t, dim=1, eps=EPS)

    @full_precision
    def _terms(
        self, student: Tensor, teacher: Tensor, label: Tensor, labelled: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        s, t = self._projected(student, teacher)
        directions = functional.normalize(self.memory, dim=2, eps=EPS)
        known = labelled.sum().clamp(min=1)
        align_student, align_teacher = (
            torch.where(labelled, memory_alignment(x, directions, label, self.margin), 0).sum() / known for x in (s, t)
        )
        mem = torch.where(labelled, commitment(s, self.memory, label)[0], 0).sum() / known
        return align_student, align_teacher, mem


def _labels(batch: Batch) -> tuple[Tensor, Tensor]:
    """The class of each sample, 0 where unknown, and whether it is known."""
    labelled = batch.labelled[:, 0]
    return torch.where(labelled, batch.targets[:, 0], 0).long(), labelled
