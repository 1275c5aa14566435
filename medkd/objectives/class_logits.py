"""Logits and labels as distributions over classes, whatever the target's kind."""

from __future__ import annotations

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.target import Target
from medkd.objectives.precision import full_precision


@full_precision
def class_logits(logits: Tensor, target: Target) -> Tensor:
    """Logits whose last axis is one distribution: exclusive classes as they are, a label alone as (present, absent).

    Args:
        logits: "batch class", "batch position class", or "batch label" where labels do not exclude each other.
        target: what they mean.

    >>> class_logits(torch.zeros(4, 3), Target("t", "multilabel", ("a", "b", "c"))).shape
    torch.Size([4, 3, 2])
    """
    return logits if target.is_categorical else torch.stack([logits, torch.zeros_like(logits)], dim=-1)


@full_precision
def stacked_logits(target: Target, *teachers: Tensor) -> Tensor:
    """The ``class_logits`` of several teachers in one tensor, "teacher batch ... class"."""
    return torch.stack([class_logits(logits, target) for logits in teachers])


def class_targets(batch: Batch) -> tuple[Tensor, Tensor]:
    """The index of the true class (0 where unknown) of each distribution of ``class_logits``, and whether it is known.

    Shapes: both "batch column". A categorical target has one column, or one per position.
    """
    known = batch.labelled
    if batch.target.is_categorical:
        return torch.where(known, batch.targets, 0).long(), known
    return torch.where(known & (batch.targets > 0.5), 0, 1).long(), known
