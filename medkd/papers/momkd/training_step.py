"""MoMKD's training step: the loss of one slide, five terms whose gradients take separate routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.class_memory import commitment, memory_alignment
from medkd.papers.momkd.attention_pool import TINY, memory_attention, project
from medkd.papers.momkd.memory_losses import orthogonality

WEIGHTS = {"task": 0.5, "mem": 0.1, "align_rna": 0.05, "align_wsi": 0.2, "recon": 0.05}
"""Of the terms, as released; the paper is said to have 0.01 for the reconstruction."""
ORTHOGONALITY = 10.0
MARGIN = 0.3


class SlideTerms(NamedTuple):
    """The five terms, scalars, unweighted."""

    task: Tensor
    mem: Tensor
    align_rna: Tensor
    align_wsi: Tensor
    recon: Tensor

    def total(self) -> Tensor:
        """Their sum, weighted."""
        return torch.stack([weight * term for weight, term in zip(WEIGHTS.values(), self, strict=True)]).sum()


def slide_terms(parts: Mapping[str, Tensor]) -> SlideTerms:
    """The terms of one slide, without dropout.

    The label's loss never moves a memory (the attention detaches them), RNA and slide meet in the memories alone (the
    alignments), and the patches are committed to the nearest slot of their slide's class without moving it.

    Args:
        parts: ``contextual`` "patch dim", ``rna_emb`` "1 rna_dim", ``reconstruction`` and ``rna`` "1 gene", ``label``
            "1" int64 0 or 1, ``log_tau``, memories ``pos`` and ``neg`` "slot shared", and the weights and biases of
            ``rna_proj``, ``patch_proj``, ``pool_proj``, ``cls_ln``, ``cls1`` and ``cls2``.

    Source: MoMKD, arXiv:2602.21395, total loss, as released.
    """

    def linear(features: Tensor, name: str) -> Tensor:
        return functional.linear(features, parts[f"{name}.weight"], parts[f"{name}.bias"])

    def sphere(features: Tensor, name: str) -> Tensor:
        return project(features, parts[f"{name}.weight"], parts[f"{name}.bias"])

    contextual, label = parts["contextual"], parts["label"]
    memory = torch.stack([parts["neg"], parts["pos"]])
    patches = sphere(contextual, "patch_proj")
    committed, _ = commitment(patches, memory, label.expand(len(patches)))
    mem = committed.mean() + ORTHOGONALITY * orthogonality(memory[label]).sum()
    pooled = memory_attention(patches, parts["pos"], parts["neg"], parts["log_tau"])[None] @ contextual
    normed = functional.layer_norm(pooled, pooled.shape[1:], parts["cls_ln.weight"], parts["cls_ln.bias"])
    logits = linear(linear(normed, "cls1").relu(), "cls2")
    directions = functional.normalize(memory, dim=2, eps=TINY)
    rna, wsi = sphere(parts["rna_emb"], "rna_proj"), sphere(pooled, "pool_proj")
    return SlideTerms(
        functional.cross_entropy(logits, label),
        mem,
        memory_alignment(rna, directions, label, MARGIN).mean(),
        memory_alignment(wsi, directions, label, MARGIN).mean(),
        (parts["reconstruction"] - parts["rna"]).square().mean(),
    )


def _training_step(inputs: Mapping[str, Tensor], clip_norm: float) -> dict[str, Tensor]:
    fixed = ("rna", "label")
    parts = {name: x if name in fixed or x.requires_grad else x.clone().requires_grad_() for name, x in inputs.items()}
    terms = slide_terms(parts)
    loss = terms.total()
    if clip_norm > 0:
        learned = [x for name, x in parts.items() if name not in fixed]
        norm = torch.nn.utils.get_total_norm(torch.autograd.grad(loss, learned, retain_graph=True))
        # The value stays; its gradient is scaled, as clipping scales what the optimiser sees.
        loss = loss.detach() + (clip_norm / (norm + 1e-6)).clamp(max=1) * (loss - loss.detach())
    return {"loss": loss, **terms._asdict()}


GOLDEN = {"momkd/training_step": _training_step}
