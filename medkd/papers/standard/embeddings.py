"""Losses on embeddings: RKD, similarity preserving (SP) and CRD."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.crd import crd_contrast, crd_partition, crd_remember, crd_scores
from medkd.objectives.rkd import rkd_angle, rkd_distance
from medkd.objectives.similarity_preserving import similarity_preserving


def _rkd(
    inputs: Mapping[str, Tensor], distance_weight: float, angle_weight: float, squared: bool, eps: float
) -> dict[str, Tensor]:
    # A term of weight zero is still computed: its value and gradient must be finite for the sum to be right.
    distance = rkd_distance(inputs["f_s"], inputs["f_t"], squared, eps)
    angle = rkd_angle(inputs["f_s"], inputs["f_t"])
    return {"loss": distance_weight * distance + angle_weight * angle}


def _sp(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stages = [name[1:] for name in inputs if name.startswith("s")]
    terms = [similarity_preserving(inputs[f"s{stage}"], inputs[f"t{stage}"], eps=1e-12) for stage in stages]
    return {"loss": torch.stack(terms).sum()}


def _crd(
    inputs: Mapping[str, Tensor], temperature: float, momentum: float, n_data: int, z: list[float] | None
) -> dict[str, Tensor]:
    scores = [crd_scores(inputs[f"v_{a}"], inputs[f"memory_{b}"], inputs["idx"], temperature) for a, b in ("st", "ts")]
    used = (
        [crd_partition(p, len(inputs["memory_s"])) for p in scores]
        if z is None
        else [torch.tensor(x, dtype=torch.float64) for x in z]
    )
    loss = torch.stack([crd_contrast(p / at, n_data) for p, at in zip(scores, used, strict=True)]).sum()
    new = {
        f"memory_{a}_new": crd_remember(inputs[f"memory_{a}"], inputs[f"v_{a}"], inputs["y"], momentum) for a in "st"
    }
    return {"loss": loss, "z_s": used[0], "z_t": used[1], **new}


GOLDEN = {"standard/rkd": _rkd, "standard/sp": _sp, "standard/crd": _crd}
