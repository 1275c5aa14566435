"""Losses on feature maps: attention transfer (AT), VID and DiffKD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.attention_transfer import attention_transfer
from medkd.objectives.diffkd import TIMES, Predict, denoise, noise_prediction
from medkd.objectives.vid import predicted, vid


def _at(inputs: Mapping[str, Tensor], p: int) -> dict[str, Tensor]:
    return {"loss": torch.stack([attention_transfer(s, t, p) for s, t in _stages(inputs)]).sum()}


def _at_torchdistill(inputs: Mapping[str, Tensor], mode: str, weights: Sequence[float]) -> dict[str, Tensor]:
    terms = [attention_transfer(s, t, paper=mode == "paper") for s, t in _stages(inputs)]
    return {"loss": torch.stack([weight * term for weight, term in zip(weights, terms, strict=True)]).sum()}


def _stages(inputs: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    return [(inputs[name], inputs[f"t{name[1:]}"]) for name in inputs if name.startswith("s")]


def _vid(inputs: Mapping[str, Tensor], eps: float) -> dict[str, Tensor]:
    s, t = _same_size((inputs["f_s"], inputs["f_t"]))
    mean = predicted(s, inputs["w1"], inputs["w2"], inputs["w3"])
    return {"loss": vid(mean, t, inputs["log_scale"], eps)}


def _same_size(maps: Sequence[Tensor]) -> list[Tensor]:
    size = min(x.shape[-1] for x in maps)
    return [x if x.shape[-1] == size else functional.adaptive_avg_pool2d(x, size) for x in maps]


def linear_predictor(inputs: Mapping[str, Tensor]) -> Predict:
    """The noise predictor that the golden vectors were made with: linear in channels and in time."""

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        shift = time[:, None].to(noisy.dtype) / TIMES * inputs["b"]
        mixed = torch.einsum("dc,bc...->bd...", inputs["A"], noisy)
        return mixed + shift.reshape(*shift.shape, *[1] * (noisy.dim() - 2))

    return predict


def _diffkd_ddim_loss(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parts = (inputs["teacher"], inputs["noise"], inputs["timesteps"])
    return {"loss": noise_prediction(*parts, linear_predictor(inputs), inputs["alphas_cumprod"])}


def _diffkd_denoise(inputs: Mapping[str, Tensor], num_inference_steps: int, **_: Any) -> dict[str, Tensor]:
    parts = (inputs["feat"], inputs["noise"], inputs["gamma"])
    refined = denoise(*parts, linear_predictor(inputs), inputs["alphas_cumprod"], num_inference_steps)
    return {"refined": refined, "loss": refined.square().sum()}


GOLDEN = {
    "standard/at": _at,
    "standard/at_torchdistill": _at_torchdistill,
    "standard/vid": _vid,
    "standard/diffkd_ddim_loss": _diffkd_ddim_loss,
    "standard/diffkd_denoise": _diffkd_denoise,
}
