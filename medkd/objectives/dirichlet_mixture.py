"""Dirichlet mixture (MT-BKD): a prior over the student's class probabilities, one component around each teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.class_logits import class_logits, stacked_logits
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

CONCENTRATION = 5.0
"""Concentration of each component, the authors' value."""


@full_precision
def entropy_weights(teachers: Tensor) -> Tensor:
    """The weight of each teacher on each sample: proportional to 1 - H_k / Σ H, H the entropy of its probabilities.

    Weights are equal where every teacher is certain, and one where there is only one.

    Args:
        teachers: logits "teacher ... class"; no gradient.

    Shapes: "teacher ...", sums to one over the teachers. Source: Fang et al., arXiv:2605.27967 (two teachers; more are
    our extension).

    >>> entropy_weights(torch.tensor([[[0.0, 0.0]], [[60.0, 0.0]]])).flatten().tolist()
    [0.0, 1.0]
    """
    log_p = teachers.detach().log_softmax(dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1)
    total = entropy.sum(dim=0)
    if len(teachers) == 1:
        return torch.ones_like(entropy)
    certain = total < 1e-9
    weights = (1 - entropy / torch.where(certain, 1, total)) / (len(teachers) - 1)
    return torch.where(certain, 1 / len(teachers), weights)


@full_precision
def dirichlet_mixture(
    student: Tensor, teachers: Tensor, weights: Tensor, temperature: float = 2.0, concentration: float = CONCENTRATION
) -> Tensor:
    """-ln Σ_k w_k Dirichlet(q; 1 + c p_k), with q = softmax(s/T) and p_k = softmax(t_k/T).

    Computed in log space, so that it is finite for every student.

    Args:
        student: logits "... class".
        teachers: logits "teacher ... class"; no gradient.
        weights: "teacher ...", sum to one over the teachers.
        temperature: T > 0, dimensionless.
        concentration: c; the larger, the narrower around the teachers.

    Shapes: "...", in nats; a log density, so it may be negative. Source: Fang et al., arXiv:2605.27967.

    >>> x = torch.tensor([0.0, 1.0])
    >>> bool(dirichlet_mixture(x, x[None], torch.ones(1)) < dirichlet_mixture(-x, x[None], torch.ones(1)))
    True
    """
    log_density = log_dirichlet(student, teachers, temperature, concentration)
    return -(weights.detach().log() + log_density).logsumexp(dim=0)


def log_dirichlet(student: Tensor, teachers: Tensor, temperature: float, concentration: float) -> Tensor:
    """Log density of the student's probabilities under each teacher's Dirichlet; arguments as ``dirichlet_mixture``.

    Shapes: "teacher ...".
    """
    log_q = (student / temperature).log_softmax(dim=-1)
    pull = concentration * (teachers.detach() / temperature).softmax(dim=-1)
    log_beta = (1 + pull).lgamma().sum(dim=-1) - (1 + pull).sum(dim=-1).lgamma()
    return (pull * log_q).sum(dim=-1) - log_beta


class DirichletMixture(Objective):
    """A prior that the student's probabilities are near one of the teachers', more so near the more certain one.

    Where teachers disagree the student may side with either instead of splitting the difference. Where they agree the
    smallest value is at their answer.

    Args:
        temperature: T > 0 of student and teachers, dimensionless.
        concentration: of each Dirichlet around its teacher.
        scale: of the term: 1 is the prior as Bayes has it; the authors use 10 on their own form.

    Shapes: logits "batch class" or "batch label", in nats. Term: ``prior``, may be negative.

    Raises:
        InputError: temperature or concentration is not above zero, the target is a regression, or shapes differ.

    Source: Fang et al. 2026, Multi-Teacher Knowledge Distillation via Teacher-Informed Mixture Priors,
    arXiv:2605.27967.
    """

    method: ClassVar[str] = "MT-BKD"
    source: ClassVar[str] = "Fang et al. 2026, arXiv:2605.27967"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True
    uses_all_teachers: ClassVar[bool] = True

    def __init__(self, temperature: float = 2.0, concentration: float = CONCENTRATION, scale: float = 1.0) -> None:
        super().__init__()
        if not (temperature > 0 and concentration > 0):
            what = f"temperature is {temperature}, concentration {concentration}"
            raise InputError(what, where="DirichletMixture", remedy="Give both above 0; 2 and 5 are the authors'")
        self.temperature = temperature
        self.concentration = concentration
        self.scale = scale

    def terms_of_all(self, student: Fields, teachers: Mapping[str, Fields], batch: Batch) -> dict[str, Tensor]:
        """The term ``prior``."""
        s = class_logits(student.logits, batch.target)
        t = stacked_logits(batch.target, *(teacher.logits for teacher in teachers.values()))
        prior = dirichlet_mixture(s, t, entropy_weights(t), self.temperature, self.concentration)
        return {"prior": self.scale * prior.mean()}
