"""Product of experts: one Gaussian state from those of the modalities present, each weighted by its precision."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.precision import full_precision
from medkd.objectives.state_anchoring import LOG_VARIANCE


@full_precision
def product_of_experts(
    mean: Tensor, log_variance: Tensor, present: Tensor | None = None, limits: tuple[float, float] = LOG_VARIANCE
) -> tuple[Tensor, Tensor]:
    """The product of a standard-normal prior and one Gaussian per modality: precisions add, means are weighted by them.

    With ``k_m = exp(-log_variance_m)``: precision ``1 + sum k_m``, mean ``sum k_m mean_m / precision``, over the
    modalities present. Where none is, the prior is left: mean zero, deviation one. The values of an absent modality
    are never read.

    Args:
        mean, log_variance: "modality batch dim"; log-variances are cut to ``limits``, and pass no gradient beyond.
        present: "modality batch" bool; None means all.
        limits: smallest and largest log-variance.

    Returns:
        mean and standard deviation, each "batch dim".

    Source: Pan et al. 2026, CoRe-KD, arXiv:2605.29590, eq. 3 (no release); Hinton 2002, Products of Experts.

    >>> means, present = torch.tensor([[[3.0]], [[9.0]]]), torch.tensor([[True], [False]])
    >>> mean, deviation = product_of_experts(means, torch.zeros(2, 1, 1), present)
    >>> mean.item(), round(deviation.item(), 4)
    (1.5, 0.7071)
    """
    precision = torch.exp(-log_variance.clamp(*limits))
    if present is not None:
        mask = present[:, :, None]
        precision, mean = torch.where(mask, precision, 0), torch.where(mask, mean, 0)
    total = 1 + precision.sum(dim=0)
    return (precision * mean).sum(dim=0) / total, total.rsqrt()


def _poe_fuse(inputs: Mapping[str, Tensor], logvar_min: float, logvar_max: float) -> dict[str, Tensor]:
    mean, deviation = product_of_experts(inputs["mu"], inputs["logvar"], limits=(logvar_min, logvar_max))
    return {"mu_fused": mean, "sigma_fused": deviation, "loss": mean.square().sum() + deviation.sum()}


GOLDEN = {"core_kd/poe_fuse_paper": _poe_fuse}
