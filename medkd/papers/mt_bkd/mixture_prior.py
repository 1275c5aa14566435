"""MT-BKD's mixture prior as released, without log-sum-exp, and the baseline that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.dirichlet_mixture import CONCENTRATION, log_dirichlet
from medkd.objectives.precision import full_precision
from medkd.objectives.weighted_teachers import weighted_soft_labels


@full_precision
def dirichlet_mixture_released(student: Tensor, teachers: Tensor, temperature: float = 2.0) -> tuple[Tensor, Tensor]:
    """The release's form: 1 - 0.002 ln(Σ w_k exp(log density)), and its weights "teacher ...".

    Infinite once a student is so far off that all densities underflow. Neither the factor 0.002 nor the one that is
    added has a reading as a prior. Arguments as ``medkd.objectives.dirichlet_mixture.dirichlet_mixture``.

    Source: Fang et al. 2026, MT-BKD, arXiv:2605.27967, as released.
    """
    p = teachers.detach().softmax(dim=-1)
    entropy = -(p * (p + 1e-9).log2()).sum(dim=-1)
    share = 1 - entropy / (entropy.sum(dim=0) + 1e-9)
    weights = share / share.sum(dim=0)
    density = log_dirichlet(student, teachers, temperature, CONCENTRATION).exp()
    return 1 - 0.002 * (weights * density).sum(dim=0).log(), weights


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


def _kd_mix_baseline(inputs: Mapping[str, Tensor], alpha: float, T: float) -> dict[str, Tensor]:  # noqa: N803
    # That baseline adds the two divergences up, without T², and doubles the label's part to match.
    student = inputs["outputs"]
    soft = [weighted_soft_labels(student, inputs[name], T) / T**2 for name in ("outputs_T1", "outputs_T2")]
    return {"loss": alpha * (soft[0] + soft[1]) + 2 * (1 - alpha) * functional.cross_entropy(student, inputs["labels"])}


GOLDEN = {"mt_bkd/mixture_prior_loss": _mixture_prior_loss, "mt_bkd/kd_mix_baseline": _kd_mix_baseline}
