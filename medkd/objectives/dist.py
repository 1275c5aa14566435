"""DIST: the teacher's ranking of classes within a sample, and of samples within a class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

EPS = 1e-8


@full_precision
def dist(student: Tensor, teacher: Tensor, tau: float = 1.0, bernoulli: bool = False) -> tuple[Tensor, Tensor]:
    """One minus the mean Pearson correlation of both probabilities, times tau²: inter (rows) and intra (columns).

    Probabilities are softmax(·/tau), or with ``bernoulli`` sigmoid(·/tau) for labels that do not exclude each other
    (ours: the paper has classes only). A row or column without variance has no correlation, and counts one; a batch of
    one has only such columns.

    Args:
        student, teacher: logits "batch class"; the teacher gets no gradient.
        tau: temperature above 0, dimensionless.
        bernoulli: each logit is a label of its own.

    Source: Huang et al. 2022, arXiv:2205.10536, eqs. 7-9.

    >>> x = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])
    >>> inter, intra = dist(x, x)
    >>> bool(inter.abs() < 1e-4) and bool(intra.abs() < 1e-4)
    True
    """
    s, t = student / tau, teacher.detach() / tau
    s, t = (torch.sigmoid(s), torch.sigmoid(t)) if bernoulli else (s.softmax(dim=1), t.softmax(dim=1))
    return tau**2 * (1 - pearson(s, t, dim=1).mean()), tau**2 * (1 - pearson(s, t, dim=0).mean())


def pearson(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Pearson's correlation along an axis, 1e-8 added to the product of the norms; zero where one does not vary."""
    a, b = a - a.mean(dim, keepdim=True), b - b.mean(dim, keepdim=True)
    correlation: Tensor = (a * b).sum(dim) / (
        torch.linalg.vector_norm(a, dim=dim) * torch.linalg.vector_norm(b, dim=dim) + EPS
    )
    return correlation


class DIST(Objective):
    """DIST: correlate with the teacher instead of equalling it, for a teacher much stronger than the student.

    With a single logit (a binary target) there is nothing to rank within a sample, and ``inter`` is left out.

    Args:
        beta: weight of ``inter``, classes within a sample.
        gamma: weight of ``intra``, samples within a class.
        tau: temperature above 0, dimensionless.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: logits "batch class", in nats. Terms: ``inter`` and ``intra``, weighted, dimensionless.

    Raises:
        InputError: tau is not above zero, the target is a regression, or the logits' shapes differ.

    Source: Huang et al. 2022, Knowledge Distillation from A Stronger Teacher, arXiv:2205.10536.
    """

    method: ClassVar[str] = "DIST"
    source: ClassVar[str] = "Huang et al. 2022, arXiv:2205.10536"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(self, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not tau > 0:
            raise InputError(f"tau is {tau}, it must be above 0", where="DIST", remedy="1 is the authors'")
        self.beta = beta
        self.gamma = gamma
        self.tau = tau

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``inter`` and ``intra``."""
        s, t = student.logits, teacher.logits
        inter, intra = dist(s, t, self.tau, bernoulli=not batch.target.is_categorical)
        terms = {"inter": self.beta * inter} if s.shape[1] > 1 else {}
        return terms | {"intra": self.gamma * intra}
