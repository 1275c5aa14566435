"""Fusion of sensors by learned weights, over those that are present."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

EPS = 1e-8
"""Added to the weight that is present before it divides."""


def purified(features: Tensor, weights: Tensor, present: Tensor) -> Tensor:
    """The mean of the modalities present, each by the softmax of its weight among them; zero where none is.

    It is the teacher of each modality (detached there), and what the pose branch classifies. The values of an absent
    modality are not read.

    Args:
        features: "modality batch token dim".
        weights: "modality", before the softmax.
        present: "modality batch" bool.

    Returns:
        "batch token dim".

    Source: Weng et al. 2026, Purify-then-Align, arXiv:2604.05584, section 3.

    >>> purified(torch.tensor([[[[1.0]]], [[[3.0]]]]), torch.zeros(2), torch.tensor([[True], [True]]))
    tensor([[[2.]]])
    """
    share = _over_tokens(weights.softmax(dim=0)[:, None] * present)
    total = share.sum(dim=0)
    return (share * _masked(features, present)).sum(dim=0) / torch.where(total > 0, total, 1)


def token_fusion(features: Tensor, weights: Tensor, present: Tensor, weighted: bool = True) -> Tensor:
    """All modalities' tokens side by side, a missing one's replaced by the weighted mean of those present.

    It is the release's branch for actions.

    Args:
        features: "modality batch token dim".
        weights: "modality", before the softmax.
        present: "modality batch" bool. Where none is, tokens are zero.
        weighted: multiply each modality's tokens by its softmax weight, as in validation, where the weights are
            learned.

    Returns:
        "batch modality·token dim".

    Source: Weng et al. 2026, Purify-then-Align, arXiv:2604.05584, section 3.
    """
    share = weights.softmax(dim=0)
    here = _over_tokens(share[:, None] * present)
    masked = _masked(features, present)
    guess = (here * masked).sum(dim=0) / (here.sum(dim=0) + EPS)
    whole = torch.where(_over_tokens(present), masked, guess)
    if weighted:
        whole = share[:, None, None, None] * whole
    return whole.transpose(0, 1).flatten(1, 2)


def _over_tokens(value: Tensor) -> Tensor:
    return value[:, :, None, None]


def _masked(features: Tensor, present: Tensor) -> Tensor:
    return torch.where(_over_tokens(present), features, 0)


def _stacked(inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Features, weights and presence; the vectors leave out what is missing."""
    weights = inputs["weights"]
    features = [inputs.get(f"f{m}") for m in range(len(weights))]
    like = next(feature for feature in features if feature is not None)
    present = torch.tensor([feature is not None for feature in features])[:, None].expand(-1, len(like))
    return (
        torch.stack([torch.zeros_like(like) if feature is None else feature for feature in features]),
        weights,
        present,
    )


def _purified_fusion_hpe(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    fused = purified(*_stacked(inputs))
    return {"fused": fused, "loss": (fused * inputs["probe"]).sum()}


def _token_fusion_har(inputs: Mapping[str, Tensor], val: bool) -> dict[str, Tensor]:
    tokens = token_fusion(*_stacked(inputs), weighted=val)
    return {"tokens": tokens, "loss": (tokens * inputs["probe"]).sum()}


GOLDEN = {"pta/purified_fusion_hpe": _purified_fusion_hpe, "pta/token_fusion_har": _token_fusion_har}
