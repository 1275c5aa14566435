"""Langevin dynamics: samples of a network's parameters from their posterior, instead of one set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from medkd.errors import InputError
from medkd.papers.mt_bkd.mixture_prior import mixture_prior_loss


def langevin_step(
    parameter: Tensor, gradient: Tensor, noise: Tensor, step: float, samples: int, noise_scale: float | None = None
) -> Tensor:
    """θ - ε N g + √(2 ε) · noise: one step of unadjusted Langevin dynamics.

    Args:
        parameter, gradient, noise: of one shape; the gradient is that of the *mean* negative log posterior over a
            mini-batch, the noise standard normal.
        step: ε.
        samples: N, the number of training samples, which turns the mean into the sum.
        noise_scale: instead of √(2 ε), without which the samples are of no posterior.

    Source: Welling and Teh 2011; Fang et al. 2026, MT-BKD, arXiv:2605.27967 (8e-8 and 4e-4, a constant step, no
    burn-in).

    >>> langevin_step(torch.ones(1), torch.ones(1), torch.zeros(1), step=0.1, samples=5)
    tensor([0.5000])
    """
    scale = math.sqrt(2 * step) if noise_scale is None else noise_scale
    return parameter - step * samples * gradient + scale * noise


class Langevin(Optimizer):
    """An optimiser whose steps are samples of the posterior.

    Keep the parameters after each, and average what they predict.

    Args:
        params: what is sampled, usually the head of a network that was fitted before.
        lr: ε, the step.
        samples: number of training samples.

    Raises:
        InputError: step or number of samples is not above zero.

    Source: Fang et al. 2026, MT-BKD, arXiv:2605.27967.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, samples: int) -> None:
        if not lr > 0 or samples < 1:
            raise InputError(f"lr is {lr}, samples {samples}", where="Langevin", remedy="Give both above 0")
        super().__init__(params, {"lr": lr, "samples": samples})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; the loss of ``closure``, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    noise = torch.randn_like(parameter)
                    parameter.copy_(langevin_step(parameter, parameter.grad, noise, group["lr"], group["samples"]))
        return loss


def _langevin_update(
    inputs: Mapping[str, Tensor],
    epsilon_1: float,
    epsilon_2: float,
    alpha: float,
    T: float,  # noqa: N803
    ssize: int,
) -> dict[str, Tensor]:
    theta = [inputs["weight"].detach(), inputs["bias"].detach()]
    losses: list[Tensor] = []
    samples: list[list[Tensor]] = []
    for i in range(len(inputs["x"])):
        weight, bias = (parameter.requires_grad_() for parameter in theta)
        student = inputs["x"][i] @ weight.T + bias
        teachers = torch.stack([inputs["T1"][i], inputs["T2"][i]])
        loss, _ = mixture_prior_loss(student, teachers, inputs["labels"][i], alpha, T)
        gradients = torch.autograd.grad(loss, [weight, bias])
        noise = (inputs["noise_weight"][i], inputs["noise_bias"][i])
        theta = [
            langevin_step(x.detach(), gradient, z, epsilon_1, ssize, epsilon_2)
            for x, gradient, z in zip((weight, bias), gradients, noise, strict=True)
        ]
        losses.append(loss.detach())
        samples.append(theta)
    weights, biases = (torch.stack([x.detach() for x in parts]) for parts in zip(*samples, strict=True))
    return {"weight_samples": weights, "bias_samples": biases, "mean_loss": torch.stack(losses).mean()}


GOLDEN = {"mt_bkd/langevin_update": _langevin_update}
