"""Attention pool over a slide's patches, by how much more they resemble one class's memory than the other's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

TINY = 1e-12
TAU = (0.01, 2.0)
"""Range of the attention's temperature."""


def memory_attention(projected: Tensor, positive: Tensor, negative: Tensor, log_tau: Tensor) -> Tensor:
    """The share of each patch: softmax over the patches of (largest cosine to C+ less largest cosine to C-) / tau.

    The memories get no gradient here: what is learned from the label never moves them.

    Args:
        projected: patches on the shared sphere, "patch dim".
        positive, negative: memories, "slot dim", brought to length one.
        log_tau: scalar; tau is cut to 0.01 ... 2.

    Returns:
        "patch", summing to one.

    Source: MoMKD, arXiv:2602.21395, memory-guided attention.
    """
    plus, minus = (functional.normalize(memory.detach(), dim=1, eps=TINY) for memory in (positive, negative))
    score = (projected @ plus.T).amax(dim=1) - (projected @ minus.T).amax(dim=1)
    return (score / (log_tau.exp().clamp(*TAU) + 1e-9)).softmax(dim=0)


def project(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Features "row dim" on the shared sphere, "row shared": a linear map, then length one."""
    return functional.normalize(functional.linear(features, weight, bias), dim=1, eps=TINY)


def _memory_attention_pool(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    projected = project(inputs["contextual"], inputs["proj_weight"], inputs["proj_bias"])
    attention = memory_attention(projected, inputs["pos"], inputs["neg"], inputs["log_tau"])
    return {"attention": attention, "pooled": attention @ inputs["contextual"]}


GOLDEN = {"momkd/memory_attention_pool": _memory_attention_pool}
