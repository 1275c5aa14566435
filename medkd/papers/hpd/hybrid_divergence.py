"""HPD's loss on sequences of tokens, with infinite logits set to zero as released."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.hybrid_divergence import hybrid_divergence

IGNORED = -100
"""Label of a position without one."""


def infinite_to_zero(logits: Tensor) -> Tensor:
    """The release's treatment of excluded classes: their logit becomes 0, which makes them likely.

    >>> infinite_to_zero(torch.tensor([1.0, -torch.inf])).tolist()
    [1.0, 0.0]
    """
    return torch.where(logits.isinf(), 0, logits)


def _hpd_loss(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    student, teacher = inputs["student_logits"][:, :-1], inputs["teacher_logits"][:, :-1]
    # The release keeps the shared prefix of two vocabularies.
    shared = min(student.shape[2], teacher.shape[2])
    same_vocabulary = student.shape[2] == teacher.shape[2]
    student, teacher = (infinite_to_zero(x)[..., :shared].flatten(0, 1) for x in (student, teacher))
    label = inputs["labels"][:, 1:].flatten()
    known = (label != IGNORED) & ((label < shared) | same_vocabulary)
    loss, ce = hybrid_divergence(student, teacher, torch.where(known, label, 0), known, inputs["sampled"].flatten())
    return {"loss": loss, "ce_loss": ce}


GOLDEN = {"hpd/hpd_loss": _hpd_loss}
