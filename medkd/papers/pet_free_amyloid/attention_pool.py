"""Attention pool: one embedding from slices that attend to the other modality's, averaged by learned weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

SOFTNESS = 2.0
"""Temperature of the weights over slices."""


class AttentionPool(nn.Module):
    """Multi-head attention with a residual and a layer norm, then a weighted mean over the query's positions.

    Args:
        dim: width of a slice's embedding.
        heads: how many; ``dim`` is a multiple of it.
        dropout: after the norm, in training.

    Shapes: query "batch slice dim" (the teacher's: PET; the student's: MRI) and key "batch other_slice dim" (MRI) →
    "batch dim".

    Source: Chiumento et al. 2026, arXiv:2604.12574, cross-modal attention.

    >>> AttentionPool(4, 2)(torch.zeros(3, 5, 4), torch.zeros(3, 7, 4)).shape
    torch.Size([3, 4])
    """

    def __init__(self, dim: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(dim, 1)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """One embedding per sample."""
        attended, _ = self.attention(query, key, key, need_weights=False)
        slices = self.dropout(self.norm(attended + query))
        weights = (self.score(slices) / SOFTNESS).softmax(dim=1)
        pooled: Tensor = (weights * slices).sum(dim=1)
        return pooled


NAMES = {
    "attention.in_proj_weight": "in_w",
    "attention.in_proj_bias": "in_b",
    "attention.out_proj.weight": "out_w",
    "attention.out_proj.bias": "out_b",
    "norm.weight": "ln_w",
    "norm.bias": "ln_b",
    "score.weight": "pool_w",
    "score.bias": "pool_b",
}
"""Of our parameters in the golden vectors."""


def _attention_pool(inputs: Mapping[str, Tensor], heads: int) -> dict[str, Any]:
    query, key = inputs["query"], inputs["key"]
    module = AttentionPool(query.shape[2], heads).to(query.dtype).eval()
    weights = {ours: inputs[theirs] for ours, theirs in NAMES.items()}
    return {"pooled": torch.func.functional_call(module, weights, (query, key))}


GOLDEN = {"pet_free_amyloid/attention_pool": _attention_pool}
