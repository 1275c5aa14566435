"""Signal: the values of one modality in a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass
class Signal:
    """Values of one modality for a batch, dense or ragged.

    Args:
        values: dense "batch ..." or, with ``offsets``, ragged "item ...".
        mask: True where observed, broadcastable to ``values``; None when all of it is.
        offsets: "batch+1", start and end of each sample's items; None when dense.
        coordinates: position of each item (tile, patch, electrode, time), if it has one.
        edges: "2 edge", pairs of items, if the signal is a graph.
        whole: each sample is present as a whole or absent, so that the mask, if there is one, does not differ within
            a sample.
    """

    values: Tensor
    mask: Tensor | None = None
    offsets: Tensor | None = None
    coordinates: Tensor | None = None
    edges: Tensor | None = None
    whole: bool = False

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same signal on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: part.to(device, non_blocking=non_blocking)
            for name, part in values.items()
            if isinstance(part, Tensor)
        }
        return replace(self, **moved)


def observed(values: Tensor, present: Tensor, *, partial: bool = False) -> Signal:
    """A dense signal in which absent samples are zeros under a mask.

    Args:
        values: "batch ...".
        present: "batch" bool, False for absent samples.
        partial: values that are NaN were not observed: zeros under the mask, too.

    >>> observed(torch.ones(2, 1, 1), torch.tensor([True, False])).values.flatten().tolist()
    [1.0, 0.0]
    >>> observed(torch.tensor([[[1.0, torch.nan]]]), torch.tensor([True]), partial=True).mask.tolist()
    [[[True, False]]]
    """
    if bool(present.all()) and not partial:
        return Signal(values, whole=True)
    mask = present.view(-1, *(1,) * (values.ndim - 1)).expand_as(values)
    if partial:
        mask = mask & ~values.isnan()
    return Signal(values.masked_fill(~mask, 0.0), mask, whole=not partial)
