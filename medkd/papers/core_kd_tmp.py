"""Fuse what several modalities believe, each as far as it is sure, over those that are present."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.precision import full_precision

LOG_VARIANCE = (-6.0, 2.0)
"""Range that log-variances are cut to: no modality is ever sure of everything, or of nothing."""


@full_precision
def product_of_experts(
    mean: Tensor, log_variance: Tensor, present: Tensor | None = None, limits: tuple[float, float] = LOG_VARIANCE
) -> tuple[Tensor, Tensor]:
    """The product of a standard-normal prior and one Gaussian a modality: precisions add, means are weighted by them.

    With ``k_m = exp(-log_variance_m)``: precision ``1 + sum k_m``, mean ``sum k_m mean_m / precision``, over the
    modalities present. Where none is, the prior is left: mean zero, deviation one. What stands at an absent modality is
    never read.

    Args:
        mean, log_variance: "modality batch dim"; log-variances are cut to ``limits``, and pass no gradient beyond.
        present: "modality batch" bool; None means all.
        limits: smallest and largest log-variance.

    Returns:
        mean and standard deviation, each "batch dim".

    Source: Pan et al. 2026, CoRe-KD, arXiv:2605.29590, eq. 3 (no release); Hinton 2002, Products of Experts.

    >>> mean, deviation = product_of_experts(torch.tensor([[[3.0]], [[9.0]]]), torch.zeros(2, 1, 1), torch.tensor([[True], [False]]))
    >>> mean.item(), round(deviation.item(), 4)
    (1.5, 0.7071)
    """
    precision = torch.exp(-log_variance.clamp(*limits))
    if present is not None:
        here = present[:, :, None]
        precision, mean = torch.where(here, precision, 0), torch.where(here, mean, 0)
    total = 1 + precision.sum(dim=0)
    return (precision * mean).sum(dim=0) / total, total.rsqrt()


def _poe_fuse(inputs: Mapping[str, Tensor], logvar_min: float, logvar_max: float) -> dict[str, Tensor]:
    mean, deviation = product_of_experts(inputs["mu"], inputs["logvar"], limits=(logvar_min, logvar_max))
    return {"mu_fused": mean, "sigma_fused": deviation, "loss": mean.square().sum() + deviation.sum()}


GOLDEN = {"core_kd/poe_fuse_paper": _poe_fuse}
