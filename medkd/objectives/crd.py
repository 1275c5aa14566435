"""Contrastive representation distillation (CRD): the own teacher's memory against thousands of others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

EPS = 1e-7
NORM_EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""
DENSE = 32
"""Memory rows per drawn row up to which multiplying all of them is faster, and smaller, than gathering the drawn."""


@full_precision
def crd_scores(features: Tensor, memory: Tensor, rows: Tensor, temperature: float) -> Tensor:
    """exp(memory · feature / T) of the memory's ``rows`` (own first), not yet divided by the partition Z.

    Args:
        features: "batch dim", of length one.
        memory: "row dim", of length one; no gradient.
        rows: "batch 1+negatives" int64.
        temperature: T > 0, dimensionless.
    """
    fixed = memory.detach()
    if len(fixed) <= DENSE * rows.shape[1]:
        products = (features @ fixed.T).gather(1, rows)
    else:
        products = torch.bmm(fixed.index_select(0, rows.flatten()).view(*rows.shape, -1), features[:, :, None])[:, :, 0]
    return products.div(temperature).exp()


@full_precision
def crd_contrast(scores: Tensor, n_data: int) -> Tensor:
    """Noise-contrastive estimation: own memory (first column) as data, all others as noise; per sample, in nats.

    With m negatives and noise probability 1/n: -(1/B) [Σ ln(P_0 / (P_0 + m/n + ε)) + Σ_{k>0} ln((m/n) / (P_k + m/n +
    ε))].

    Args:
        scores: P, "batch 1+negatives", divided by Z.
        n_data: n, the number of memories.

    Source: Tian et al. 2020, Contrastive Representation Distillation, arXiv:1910.10699, eq. 18 and the authors'
    estimator.
    """
    noise = (scores.shape[1] - 1) / n_data
    own, others = scores[:, 0], scores[:, 1:]
    as_data = (own / (own + noise + EPS)).log().sum()
    as_noise = (noise / (others + noise + EPS)).log().sum() if others.shape[1] else 0
    return -(as_data + as_noise) / len(scores)


def crd_partition(scores: Tensor, n_data: int) -> Tensor:
    """Z as the authors fix it, from the first batch: n times the mean score; a constant without gradient."""
    return n_data * scores.detach().mean()


@torch.no_grad()
def crd_remember(memory: Tensor, features: Tensor, own: Tensor, momentum: float) -> Tensor:
    """The memory with rows ``own`` moved towards the new features, and of length one again."""
    moved = momentum * memory[own] + (1 - momentum) * features
    return memory.index_copy(0, own, functional.normalize(moved, dim=1))


class CRD(Objective):
    """CRD: recognise the own teacher's memory among all others, and for the teacher its own student's.

    Each sample has a row in two memories, which follow the embeddings of student and teacher; rows are given out in
    the order in which samples appear. The constants Z are fixed at the first batch, as the authors do.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        samples: number of rows: at least as many as there are training samples.
        dim: width of the space in which they are compared; both are projected to it, and both projections are trained.
        negatives: drawn for each sample, uniformly; at ``samples`` - 1 or more all other rows are taken, without a
            draw.
        temperature: T > 0, dimensionless.
        momentum: how much of a memory is kept at each step, 0 to 1.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Terms: ``crd_student``, ``crd_teacher``, in nats per sample (the authors' weight is
    0.8).

    Raises:
        InputError: a setting is out of range, there are more samples than rows, or an embedding is missing or has
            another width.

    Source: Tian et al. 2020, Contrastive Representation Distillation, arXiv:1910.10699.
    """

    method: ClassVar[str] = "CRD"
    source: ClassVar[str] = "Tian et al. 2020, arXiv:1910.10699"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)
    example: ClassVar[Mapping[str, Any]] = {"samples": 12}

    memory_student: Tensor
    memory_teacher: Tensor
    partition: Tensor

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        samples: int,
        dim: int = 128,
        negatives: int = 16384,
        temperature: float = 0.07,
        momentum: float = 0.5,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if min(samples, negatives, dim) < 1 or not temperature > 0 or not 0 <= momentum <= 1:
            what = (
                f"samples {samples}, negatives {negatives}, dim {dim}, temperature {temperature}, momentum {momentum}"
            )
            raise InputError(
                what,
                where="CRD",
                remedy="Give sizes of at least 1, T above 0, momentum from 0 to 1",
            )
        self.student_embed = nn.Linear(student_dim, dim)
        self.teacher_embed = nn.Linear(teacher_dim, dim)
        spread = 1 / math.sqrt(dim / 3)
        for name in ("memory_student", "memory_teacher"):
            self.register_buffer(name, functional.normalize(torch.empty(samples, dim).uniform_(-spread, spread), dim=1))
        self.register_buffer("partition", torch.zeros(2))
        self.negatives = negatives
        self.temperature = temperature
        self.momentum = momentum
        self._rows: dict[str, int] = {}

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``crd_student`` and ``crd_teacher``."""
        s, t = self._embedded(student, teacher)
        count = len(self.memory_student)
        rows = self._drawn(self._own(batch).to(s.device))
        scores = (
            crd_scores(s, self.memory_teacher, rows, self.temperature),
            crd_scores(t, self.memory_student, rows, self.temperature),
        )
        z = self._partitions(*scores)
        terms = [crd_contrast(score / z[i], count) for i, score in enumerate(scores)]
        return {"crd_student": terms[0], "crd_teacher": terms[1]}

    @torch.no_grad()
    def remember(self, student: Fields, teacher: Fields, batch: Batch) -> None:
        """Give new samples their rows, fix Z at the first step, and let the memories follow."""
        s, t = self._embedded(student, teacher)
        own = self._own(batch).to(s.device)
        if not self.partition.all():
            rows = self._drawn(own)
            both = ((s, self.memory_teacher), (t, self.memory_student))
            self.partition.copy_(
                self._partitions(*(crd_scores(x, memory, rows, self.temperature) for x, memory in both))
            )
        self._rows.update(zip(batch.sample_id, own.tolist(), strict=True))
        self.memory_student.copy_(
            crd_remember(self.memory_student, s.to(self.memory_student.dtype), own, self.momentum)
        )
        self.memory_teacher.copy_(
            crd_remember(self.memory_teacher, t.to(self.memory_teacher.dtype), own, self.momentum)
        )

    def get_extra_state(self) -> dict[str, int]:
        """Which sample has which row, for a checkpoint."""
        return dict(self._rows)

    def set_extra_state(self, state: Any) -> None:
        """Restore which sample has which row."""
        self._rows = dict(state)

    def _embedded(self, student: Fields, teacher: Fields) -> list[Tensor]:
        embeddings = (
            ("student", student.embedding, self.student_embed),
            ("teacher", teacher.embedding.detach(), self.teacher_embed),
        )
        for role, embedding, embed in embeddings:
            if embedding.shape[1] != embed.in_features:
                what = f"embedding has width {embedding.shape[1]}, {role}_dim is {embed.in_features}"
                raise InputError(what, where="CRD", remedy=f"Set {role}_dim to {embedding.shape[1]}")
        return [_unit(embedding, embed.weight, embed.bias) for _, embedding, embed in embeddings]

    def _own(self, batch: Batch) -> Tensor:
        """The row of each sample: the one that it has, or the next that is free."""
        rows = dict(self._rows)
        for name in batch.sample_id:
            rows.setdefault(name, len(rows))
        if len(rows) > len(self.memory_student):
            what = f"there are more than {len(self.memory_student)} samples"
            raise InputError(what, where="CRD", remedy="Set samples to the number of training samples")
        return torch.tensor([rows[name] for name in batch.sample_id])

    def _drawn(self, own: Tensor) -> Tensor:
        """Own row, then the negatives'."""
        count = len(self.memory_student)
        if self.negatives >= count - 1:
            steps = torch.arange(count, device=own.device).expand(len(own), count)
        else:
            steps = torch.randint(1, count, (len(own), self.negatives + 1), device=own.device)
            steps[:, 0] = 0
        return (own[:, None] + steps) % count

    def _partitions(self, *scores: Tensor) -> Tensor:
        first = torch.stack([crd_partition(score, len(self.memory_student)) for score in scores])
        return torch.where(self.partition > 0, self.partition.to(first.dtype), first)


@full_precision
def _unit(embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.normalize(functional.linear(embedding, weight, bias), dim=1, eps=NORM_EPS)
