"""Training loss of OGKD's prompt: labels, the mean of fixed prompts, and a teacher made of those that agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.geometry_aware import geometry_aware
from medkd.objectives.label_guided import guiding_parts, label_guided
from medkd.papers.ogkd.distillation import geometry_aware_released, guiding_parts_released, label_guided_released


def agreeing_prompts(scores: Tensor, tau: float) -> Tensor:
    """Prompts whose score is within tau standard deviations of the mean, "prompt" bool; all, if all scores are equal.

    Args:
        scores: mean over the batch of the best class's logit under each prompt, "prompt".
        tau: in standard deviations (of the sample, n - 1).

    >>> agreeing_prompts(torch.tensor([1.0, 1.1, 0.9, 9.0]), tau=1.0).tolist()
    [True, True, True, False]
    """
    if len(scores) < 2 or not scores.std() > 0:
        return torch.ones_like(scores, dtype=torch.bool)
    return _within(scores, tau)


def agreeing_prompts_released(scores: Tensor, tau: float) -> Tensor:
    """The release's form, which standardises by median and median deviation first.

    That changes nothing but for a median deviation of zero, where no prompt is left and the loss is not a number.
    Arguments as ``agreeing_prompts``.
    """
    apart = scores - scores.median()
    return _within(apart / apart.abs().median(), tau)


def _within(scores: Tensor, tau: float) -> Tensor:
    return ((scores - scores.mean()) / scores.std()).abs() <= tau


class Rules(NamedTuple):
    """The four formulas in which the release and its corrected form differ."""

    agreeing_prompts: Callable[[Tensor, float], Tensor]
    guiding_parts: Callable[[Tensor, Tensor, float], Tensor]
    geometry_aware: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    label_guided: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]


CORRECTED = Rules(agreeing_prompts, guiding_parts, geometry_aware, label_guided)
RELEASED = Rules(agreeing_prompts_released, guiding_parts_released, geometry_aware_released, label_guided_released)


def training_loss(
    image: Tensor,
    patches: Tensor,
    text: Tensor,
    prompts: Tensor,
    logit_scale: Tensor,
    graph: Tensor,
    labels: Tensor,
    weights: tuple[float, float, float],
    tau: float = 1.5,
    gamma: float = 0.3,
    share: float = 0.5,
    rules: Rules = CORRECTED,
) -> dict[str, Tensor]:
    """The logits "batch class", and the terms ``ce``, ``sccm``, ``gad``, ``lgd``, weighted.

    Only the student's text gets a gradient.

    Args:
        image: "batch dim", frozen.
        patches: "batch patch dim", frozen.
        text: the learned prompt's features, "class dim".
        prompts: fixed prompts' features, "class prompt dim", frozen.
        logit_scale: its logarithm, a scalar.
        graph: "class class", rows sum to one.
        labels: "batch" int64.
        weights: of sccm, gad and lgd.
        tau: which prompts agree, in standard deviations.
        gamma: how much each class is smoothed over its neighbours.
        share: of the patches in lgd.
        rules: corrected, or ``RELEASED``: unnormalised targets, and the release's choice of prompts and patches.

    Source: OGKD, arXiv:2606.04922.
    """
    image, patches, text, prompts = (_direction(x) for x in (image, patches, text, prompts))
    scale = logit_scale.exp()
    logits = scale * image @ text.T
    with torch.no_grad():
        best = scale * torch.einsum("bd,cpd->bpc", image, prompts).amax(dim=2)
        agreeing = rules.agreeing_prompts(best.mean(dim=0), tau)
        chosen, anchor = (_direction(x.mean(dim=1)) for x in (prompts[:, agreeing], prompts))
        taught, taught_patches = scale * image @ chosen.T, scale * patches @ chosen.T
        parts = rules.guiding_parts(taught_patches, labels, share)[..., None].expand(-1, -1, len(text))
    patch_logits = (scale * patches @ text.T).gather(1, parts)
    return {
        "logits": logits,
        "ce": functional.cross_entropy(logits, labels),
        "sccm": weights[0] * (text - anchor).square().mean(),
        "gad": weights[1] * rules.geometry_aware(logits, taught, graph, gamma),
        "lgd": weights[2]
        * rules.label_guided(patch_logits, taught_patches.gather(1, parts), graph, labels, gamma).mean(),
    }


def _direction(x: Tensor) -> Tensor:
    unit: Tensor = x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return unit


def _training_loss(
    inputs: Mapping[str, Tensor],
    tau: float,
    lambda_sccm: float,
    lambda_gad: float,
    lambda_lgd: float,
    gamma: float,
    top_k_ratio: float,
) -> dict[str, Tensor]:
    terms = training_loss(
        inputs["image_features"],
        inputs["patch_features"],
        inputs["text_features"],
        inputs["teacher_text"],
        inputs["logit_scale"],
        inputs["W"],
        inputs["labels"],
        (lambda_sccm, lambda_gad, lambda_lgd),
        tau,
        gamma,
        top_k_ratio,
        rules=RELEASED,
    )
    return {"loss": terms["ce"] + terms["sccm"] + terms["gad"] + terms["lgd"], **terms}


GOLDEN = {"ogkd/training_loss": _training_loss}
