"""MoMKD's losses on its memory: alignment of both modalities, commitment of patches and orthogonality of slots."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from medkd.objectives.class_memory import EPS, commitment, memory_alignment
from medkd.objectives.precision import full_precision


@full_precision
def orthogonality(memory: Tensor) -> Tensor:
    """How much a class's slots point the same way.

    Mean squared cosine of every two, less 1/slots, its value when all are orthogonal. In the release slots are
    parameters, and this keeps them apart; ``ClassMemory`` moves them by momentum instead.

    Args:
        memory: "class slot dim".

    Returns:
        "class".

    Source: MoMKD, arXiv:2602.21395, memory regularisation, as released.

    >>> orthogonality(torch.stack([torch.eye(2), torch.ones(2, 2)]))
    tensor([0.0000, 0.5000])
    """
    direction = functional.normalize(memory, dim=2, eps=EPS)
    return (direction @ direction.transpose(1, 2)).square().mean(dim=(1, 2)) - 1 / memory.shape[1]


def _alignment_loss(
    inputs: Mapping[str, Tensor], margin: float, alpha_rna: float, alpha_wsi: float
) -> dict[str, Tensor]:
    memory = torch.stack([inputs["neg"], inputs["pos"]])
    rna, wsi = (memory_alignment(inputs[name], memory, inputs["label"], margin).mean() for name in ("rna", "wsi"))
    return {"loss": alpha_rna * rna + alpha_wsi * wsi, "loss_rna": rna, "loss_wsi": wsi}


def _memory_loss(inputs: Mapping[str, Tensor], commitment_weight: float, orthogonal_weight: float) -> dict[str, Tensor]:
    memory, label = inputs["codes"][None], torch.zeros(len(inputs["patches"]), dtype=torch.int64)
    committed, index = commitment(inputs["patches"], memory, label)
    loss = commitment_weight * committed.mean() + orthogonal_weight * orthogonality(memory).sum()
    return {"loss": loss, "index": index}


GOLDEN = {"momkd/alignment_loss": _alignment_loss, "momkd/memory_loss": _memory_loss}
