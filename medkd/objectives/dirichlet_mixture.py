"""A prior over the student's class probabilities: a mixture of Dirichlet distributions, one around each teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.objectives.class_logits import class_logits, stacked_logits
from medkd.objectives.needed import needed, needed_probabilities, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision

CONCENTRATION = 5.0
"""What the authors multiply the teachers' probabilities by."""


@full_precision
def entropy_weights(teachers: Tensor) -> Tensor:
    """How much each teacher is believed on each sample.

    In proportion to 1 - H_k / Σ H, with H the entropy of its probabilities.

    Alike where no teacher doubts, and one where there is only one.

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

    In log space, finite for every student.

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
    log_density = _log_density(student, teachers, temperature, concentration)
    return -(weights.detach().log() + log_density).logsumexp(dim=0)


@full_precision
def dirichlet_mixture_released(student: Tensor, teachers: Tensor, temperature: float = 2.0) -> tuple[Tensor, Tensor]:
    """The release's form: 1 - 0.002 ln(Σ w_k exp(log density)), and its weights.

    Infinite once a student is so far off that all underflow.

    Neither the factor 0.002 nor the one that is added has a reading as a prior. Arguments and shapes as
    ``dirichlet_mixture``.
    """
    p = teachers.detach().softmax(dim=-1)
    entropy = -(p * (p + 1e-9).log2()).sum(dim=-1)
    share = 1 - entropy / (entropy.sum(dim=0) + 1e-9)
    weights = share / share.sum(dim=0)
    density = _log_density(student, teachers, temperature, CONCENTRATION).exp()
    return 1 - 0.002 * (weights * density).sum(dim=0).log(), weights


def _log_density(student: Tensor, teachers: Tensor, temperature: float, concentration: float) -> Tensor:
    log_q = (student / temperature).log_softmax(dim=-1)
    pull = concentration * (teachers.detach() / temperature).softmax(dim=-1)
    log_beta = (1 + pull).lgamma().sum(dim=-1) - (1 + pull).sum(dim=-1).lgamma()
    return (pull * log_q).sum(dim=-1) - log_beta


class DirichletMixture(Objective):
    """Believe that the student's probabilities lie near one of the teachers', more so near the one that doubts less.

    Where teachers disagree the student may side with either instead of splitting the difference. Where they agree the
    smallest value is at their answer.

    Args:
        temperature: T > 0 of student and teachers, dimensionless.
        concentration: of each Dirichlet around its teacher.
        scale: of the term: 1 is the prior as Bayes has it; the authors use 10 on their own form.
        released: 1 - 0.002 ln(density) without log-sum-exp, which is infinite for a student that is far off;
            concentration 5.

    Shapes: logits "batch class" or "batch label", in nats. Term: ``prior``, may be negative.

    Raises:
        InputError: temperature or concentration is not above zero, the target is a regression, or shapes differ.

    Source: Fang et al. 2026, Multi-Teacher Knowledge Distillation via Teacher-Informed Mixture Priors,
    arXiv:2605.27967.
    """

    hears_all: ClassVar[bool] = True

    def __init__(
        self, temperature: float = 2.0, concentration: float = CONCENTRATION, scale: float = 1.0, released: bool = False
    ) -> None:
        super().__init__()
        if not (temperature > 0 and concentration > 0):
            what = f"temperature is {temperature}, concentration {concentration}"
            raise InputError(what, where="DirichletMixture", remedy="Give both above 0; 2 and 5 are the authors'")
        self.temperature = temperature
        self.concentration = concentration
        self.scale = scale
        self.released = released

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``prior``."""
        s = needed(student, "logits", "student", self)
        heard = [needed(output, "logits", "teacher", self) for output in self.hear_all(teachers).values()]
        self.check(batch.target)
        for t in heard:
            same_shape(s, t, "logits", self)
        s, stacked = class_logits(s, batch.target), stacked_logits(batch.target, *heard)
        if self.released:
            prior, _ = dirichlet_mixture_released(s, stacked, self.temperature)
        else:
            prior = dirichlet_mixture(s, stacked, entropy_weights(stacked), self.temperature, self.concentration)
        return {"prior": self.scale * prior.mean()}

    def check(self, target: Target) -> None:
        """Refuse a target without probabilities."""
        needed_probabilities(target, self)


def mixture_prior_loss(
    student: Tensor, teachers: Tensor, labels: Tensor, alpha: float, temperature: float
) -> tuple[Tensor, Tensor]:
    """The release's whole loss, mean of alpha · prior + cross-entropy, and the teachers' weights "teacher batch"."""
    prior, weights = dirichlet_mixture_released(student, teachers, temperature)
    return (alpha * prior + functional.cross_entropy(student, labels, reduction="none")).mean(), weights


def _mixture_prior_loss(inputs: Mapping[str, Tensor], alpha: float = 10.0, T: float = 2.0) -> dict[str, Tensor]:  # noqa: N803
    teachers = torch.stack([inputs["outputs_T1"], inputs["outputs_T2"]])
    loss, weights = mixture_prior_loss(inputs["outputs"], teachers, inputs["labels"], alpha, T)
    return {"loss": loss, "teacher_weights": weights}


GOLDEN = {"mt_bkd/mixture_prior_loss": _mixture_prior_loss}
