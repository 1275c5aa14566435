"""Loss of the generator of functional connectivity: a matrix's edges, its label, and the divergence from the prior."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from medkd.objectives.precision import full_precision

LARGEST_CORRELATION = 1 - 1e-4
LARGEST_SCORE = 8.0
"""Standard deviations of Fisher's z beyond which an edge gets no larger intensity."""
DEVIATION = (math.log(1e-4), math.log(10.0))
"""Range of the logarithm of the label's standard deviation."""


class VaeTerms(NamedTuple):
    """The three parts of the negative evidence bound, scalars in nats (the first up to a constant)."""

    reconstruction: Tensor
    label: Tensor
    divergence: Tensor


def edge_intensity(connectivity: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Strength of an edge, above 0: exp of the standardised Fisher z of its correlation.

    Args:
        connectivity: correlations "batch region region".
        mean, deviation: of Fisher's z over the training set, scalars.

    >>> edge_intensity(torch.tensor([0.0, 1.0]), torch.tensor(0.0), torch.tensor(0.1))
    tensor([1.0000e+00, 2.9810e+03])
    """
    z = torch.atanh(connectivity.clamp(-LARGEST_CORRELATION, LARGEST_CORRELATION))
    return ((z - mean) / deviation.clamp(min=1e-6)).clamp(-LARGEST_SCORE, LARGEST_SCORE).exp()


@full_precision
def connectivity_vae(
    log_rate: Tensor,
    intensity: Tensor,
    guess: Tensor,
    label: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    log_deviation: Tensor,
) -> VaeTerms:
    """Poisson loss of the edges, Gaussian loss of the label, and divergence of the code from the standard normal.

    reconstruction: mean over batch and ordered pairs of two regions of ``exp(log_rate) - intensity · log_rate``.
    Intensities are not counts: this is a pseudo-likelihood, whose minimum is nevertheless at
    ``exp(log_rate) = intensity``. The label, a class, is fitted as a number with a learned deviation, since samples of
    a class are drawn from the exact posterior of that linear model.

    Args:
        log_rate, intensity: "batch region region"; diagonals are not read.
        guess, label: "batch".
        mean, log_variance: of the code, "batch dim".
        log_deviation: of the label, scalar; cut to the range of 0.0001 to 10, beyond which it gets no gradient.

    Source: Chen and Yu 2026, FORGE, arXiv:2604.14259.
    """
    regions = log_rate.shape[1]
    edges = ~torch.eye(regions, dtype=torch.bool, device=log_rate.device)
    losses = (log_rate.exp() - intensity * log_rate).masked_select(edges)
    spread = log_deviation.clamp(*DEVIATION)
    scaled = (label - guess).square() * (-2 * spread).exp()
    nll = 0.5 * (scaled + 2 * spread + math.log(2 * math.pi)).mean()
    divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1).mean()
    return VaeTerms(losses.mean(), nll, divergence)


def _fcmvae_loss(inputs: Mapping[str, Tensor], beta_kl: float = 2.0) -> dict[str, Tensor]:
    intensity = edge_intensity(inputs["fc"], inputs["fisher_mu"], inputs["fisher_sigma"])
    code = (inputs["mu_q"], inputs["logvar_q"])
    rec, nll, kl = connectivity_vae(
        inputs["log_rate"], intensity, inputs["y_hat"][:, 0], inputs["y"], *code, inputs["log_sigma_y"]
    )
    return {"loss": rec + nll + beta_kl * kl, "rec": rec, "nll": nll, "kl": kl}


GOLDEN = {"forge/fcmvae_loss": _fcmvae_loss}
