"""Signals over hours, side by side: what networks of tables and series take."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor

from medkd.data.core.signal import Signal
from medkd.errors import InputError


def joined(signals: Mapping[str, Signal]) -> tuple[Tensor, Tensor]:
    """Values and mask "batch variable cell" of all signals, variables one after the other; unobserved cells are zero.

    Raises:
        InputError: a signal is not variables over cells, or has another number of cells.
    """
    values, masks = [], []
    for name, signal in signals.items():
        if signal.values.ndim != 3:
            raise InputError(
                f"{name} is {signal.values.ndim - 1}-dimensional", where="view", remedy="Give variables over hours"
            )
        seen = (
            torch.ones_like(signal.values, dtype=torch.bool)
            if signal.mask is None
            else signal.mask.expand_as(signal.values)
        )
        # Not a product: what stands under a mask may be NaN.
        values.append(torch.where(seen, signal.values, 0))
        masks.append(seen.to(signal.values.dtype))
    cells = sorted({part.shape[2] for part in values})
    if len(cells) > 1:
        raise InputError(
            f"modalities have {cells[0]} and {cells[-1]} cells",
            where="view",
            remedy="Give them the same window and step",
        )
    return torch.cat(values, dim=1), torch.cat(masks, dim=1)


def check_channels(found: int, wanted: int, who: str) -> None:
    """Refuse a view of another number of variables.

    Raises:
        InputError: naming the number to set.
    """
    if found != wanted:
        raise InputError(
            f"{who} takes {wanted} variables, the view has {found}", remedy=f"Set network.init_args.channels to {found}"
        )


def since_observed(mask: Tensor) -> Tensor:
    """Cells since each variable was last observed before a cell, "batch variable cell".

    From the window's start where it never was.

    >>> since_observed(torch.tensor([[[1.0, 0.0, 0.0, 1.0, 0.0]]]))[0, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 1.0]
    """
    place = torch.arange(mask.shape[2], device=mask.device, dtype=mask.dtype).expand_as(mask)
    own = torch.where(mask > 0, place, torch.zeros_like(place))
    # A running maximum cell by cell: ONNX has no cummax.
    last = torch.stack(list(accumulate(own.unbind(2), torch.maximum)), dim=2)
    before = torch.nn.functional.pad(last[..., :-1], (1, 0))
    return place - before
