"""Grids: signals of variables over time steps, joined into one tensor and a mask."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor

from medkd.data.core.signal import Signal
from medkd.errors import InputError


def joined(signals: Mapping[str, Signal]) -> tuple[Tensor, Tensor]:
    """Values and mask "batch variable step" of all signals, variables one after the other; unobserved values are zero.

    Raises:
        InputError: a signal is not variables over time steps, or has another number of them.
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
        # Not a product: values under a mask may be NaN.
        values.append(torch.where(seen, signal.values, 0))
        masks.append(seen.to(signal.values.dtype))
    steps = sorted({part.shape[2] for part in values})
    if len(steps) > 1:
        raise InputError(
            f"modalities have {steps[0]} and {steps[-1]} time steps",
            where="view",
            remedy="Give them the same window and step",
        )
    return torch.cat(values, dim=1), torch.cat(masks, dim=1)


def check_channels(found: int, wanted: int, network: str) -> None:
    """Refuse a view of another number of variables.

    Raises:
        InputError: naming the number to set.
    """
    if found != wanted:
        raise InputError(
            f"{network} takes {wanted} variables, the view has {found}",
            remedy=f"Set network.init_args.channels to {found}",
        )


def since_observed(mask: Tensor) -> Tensor:
    """Time steps since each variable was last observed before a step, "batch variable step".

    Counted from the window's start where it never was.

    >>> since_observed(torch.tensor([[[1.0, 0.0, 0.0, 1.0, 0.0]]]))[0, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 1.0]
    """
    step = torch.arange(mask.shape[2], device=mask.device, dtype=mask.dtype).expand_as(mask)
    observed = torch.where(mask > 0, step, torch.zeros_like(step))
    # A running maximum step by step: ONNX has no cummax.
    last = torch.stack(list(accumulate(observed.unbind(2), torch.maximum)), dim=2)
    before = torch.nn.functional.pad(last[..., :-1], (1, 0))
    return step - before
