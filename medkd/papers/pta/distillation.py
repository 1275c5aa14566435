"""PTA's two distillation losses: DiffKD from pure noise, and DIST on token sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from medkd.objectives.diffkd import denoise
from medkd.objectives.token_dist import token_dist
from medkd.papers.standard.features import linear_predictor


def _diffusion_refine(inputs: Mapping[str, Tensor], num_inference_steps: int, **_: Any) -> dict[str, Tensor]:
    parts = (inputs["feat"], inputs["noise"], inputs["gamma"])
    predict, share = linear_predictor(inputs), inputs["alphas_cumprod"]
    refined = denoise(*parts, predict, share, num_inference_steps, from_start=True)
    return {"refined": refined, "loss": refined.square().sum()}


def _dist_sequence(
    inputs: Mapping[str, Tensor], layout: str, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0
) -> dict[str, Tensor]:
    student, teacher = inputs["student"].transpose(1, 2), inputs["teacher"].transpose(1, 2)
    inter, intra = token_dist(student, teacher, tau, "together" if layout == "hpe" else "apart")
    return {"loss": beta * inter + gamma * intra}


GOLDEN = {"pta/diffusion_refine": _diffusion_refine, "pta/dist_sequence": _dist_sequence}
