"""Full precision: losses are computed in float32 at least, whatever the mixed precision of the step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Run a function of tensors outside autocast, its float16 and bfloat16 arguments raised to float32; float64 stays.

    Exponentials, Gram matrices and squared distances lose all their digits in half precision.

    >>> double = full_precision(lambda x: 2 * x)
    >>> double(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """

    @functools.wraps(loss)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next((value.device.type for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), "cpu")
        # Without autocast there is nothing to leave, and entering the context would cost a small loss a tenth of its
        # time.
        outside = (
            torch.autocast(device_type=device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
        )
        with outside:
            return loss(*map(_raised, args), **{name: _raised(value) for name, value in kwargs.items()})  # type: ignore[arg-type]

    return wrapped


def _raised(value: object) -> object:
    return value.float() if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16) else value
