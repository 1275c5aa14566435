"""Training losses of the capacity study: soft labels with cross-entropy, and projected feature maps."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.fitnets import fitnets
from medkd.objectives.soft_labels import soft_labels


def _logit_kd_total(inputs: Mapping[str, Tensor], alpha: float, temperature: float) -> dict[str, Tensor]:
    kd = soft_labels(inputs["student_logits"], inputs["teacher_logits"], temperature)
    ce = functional.cross_entropy(inputs["student_logits"], inputs["labels"])
    return {"loss": alpha * kd + (1 - alpha) * ce, "loss_ce": ce, "loss_kd": kd}


def _feature_kd(inputs: Mapping[str, Tensor], beta: float = 0.5, feat_norm: str = "none") -> dict[str, Tensor]:
    stages = [name[1:] for name in inputs if name.startswith("w")]
    standardise = feat_norm == "teacher_std"
    terms = [fitnets(inputs[f"s{i}"], inputs[f"t{i}"], inputs[f"w{i}"], standardise, eps=1e-8) for i in stages]
    mse, cosine = (torch.stack(parts).mean() for parts in zip(*terms, strict=True))
    return {"loss": mse + beta * cosine, "loss_mse": mse, "loss_cos": cosine}


GOLDEN = {"kd_capacity_gap/logit_kd_total": _logit_kd_total, "kd_capacity_gap/feature_kd": _feature_kd}
