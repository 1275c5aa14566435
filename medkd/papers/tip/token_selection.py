"""TIP's divergences, and its scores of the positions that are learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.token_divergence import Divergence, token_divergence
from medkd.objectives.token_importance import sampling_weights, soft_or, strongest


def _token_divergence(
    inputs: Mapping[str, Tensor], divergence: Divergence = "reverse_kl", beta: float | None = 0.5, chunk_size: int = 512
) -> dict[str, Tensor]:
    # chunk_size bounds the release's memory; the value does not depend on it.
    values = token_divergence(
        inputs["student_logits"], inputs["teacher_logits"], divergence, 0.5 if beta is None else beta
    )
    return {"loss": values.mean()}


def _sampling_weights(
    inputs: Mapping[str, Tensor],
    sample_ratio: float,
    entropy_alpha: float,
    jsd_gamma: float,
    jsd_topk: int = 0,
    jsd_scale: float = 1.0,
    chunk_size: int = 512,
) -> dict[str, Tensor]:
    student = inputs["student_logits"]
    entropy, jsd, weights = sampling_weights(
        student, inputs["teacher_logits"], entropy_alpha, jsd_gamma, jsd_topk, jsd_scale
    )
    count = torch.tensor(max(1, math.floor(len(student) * sample_ratio)))
    return {"norm_entropy": entropy, "norm_jsd": jsd, "weights": weights, "num_samples": count}


def _soft_or_score_paper(inputs: Mapping[str, Tensor], clip_quantile: float | None, rho: float) -> dict[str, Tensor]:
    h, delta, score = soft_or(inputs["entropy"], inputs["divergence"], clip_quantile)
    return {"h": h, "delta": delta, "score": score, "selected": strongest(score, rho)}


GOLDEN = {
    "tip/token_divergence": _token_divergence,
    "tip/sampling_weights": _sampling_weights,
    "tip/soft_or_score_paper": _soft_or_score_paper,
}
