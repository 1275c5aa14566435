"""Determinism of a run: the same sums in the same order, on any number of threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SWITCH_INTERVAL = 0.0005
"""Seconds that a reading thread may keep the interpreter.

By default ten times as long, which the network would wait between its layers.
"""


@contextmanager
def deterministic_kernels(device: str) -> Iterator[int]:
    """Kernels that sum in a fixed order; on a CPU a pass of the network has one thread, and several are run at once.

    The bundle is to be loaded inside the block: what computes it may count threads then.

    Args:
        device: "cpu" or "cuda".

    Yields:
        How many passes are to be run at once on a CPU: as many as torch would have used threads.
    """
    threads, interval = torch.get_num_threads(), sys.getswitchinterval()
    try:
        sys.setswitchinterval(_SWITCH_INTERVAL)
        if device == "cpu":
            torch.set_num_threads(1)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield threads
    finally:
        torch.set_num_threads(threads)
        sys.setswitchinterval(interval)


@contextmanager
def reduced_precision(bits: int, device: str) -> Iterator[None]:
    """16-bit numbers in the network's layers where ``bits`` is 16: float16 on a GPU, bfloat16 on a CPU; 32: nothing.

    Holds for one thread.
    """
    if bits == 32:
        yield
        return
    with torch.autocast(device, dtype=torch.float16 if device == "cuda" else torch.bfloat16):
        yield
