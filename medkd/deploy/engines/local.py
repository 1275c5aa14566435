"""Scoring on this machine: threads read and prepare ahead while the network works."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch

from medkd.deploy.bundle import Bundle
from medkd.deploy.manifest import Items
from medkd.deploy.plan import Plan
from medkd.deploy.predictions import Scored
from medkd.deploy.preprocessing import Prepared
from medkd.deploy.quarantine import Attempt, Quarantined, attempt

A = TypeVar("A")
B = TypeVar("B")


def score_chunks(
    bundle: Bundle, items: Items, plan: Plan, chunks: Sequence[int], *, workers: int, advance: Callable[[int], object]
) -> Iterator[tuple[int, list[Scored], int]]:
    """Each chunk's index, its items in order, and the batch size in force at its end.

    A chunk's batches start at its first item, each pass of the network has the same number of rows, and an item that was set
    aside leaves its place empty: a score depends on nothing but its own record.

    Args:
        bundle: on the device that it is to run on.
        items, plan: of the run.
        chunks: which to compute, in this order.
        workers: threads that read.
        advance: told how many more items are done.
    """
    rows = [plan.rows(items.table, index).to_dicts() for index in chunks]
    size = plan.batch_size

    def prepare(row: dict[str, Any]) -> Attempt[Prepared]:
        return attempt(lambda: bundle.prepare(row, items.root), time.perf_counter)

    with ThreadPoolExecutor(workers, thread_name_prefix="reader") as pool:
        try:
            read = _ahead(pool, prepare, (row for chunk in rows for row in chunk), ahead=2 * plan.batch_size + workers)
            for index, chunk in zip(chunks, rows, strict=True):
                scored: list[Scored] = []
                for start in range(0, len(chunk), plan.batch_size):
                    names = [str(row["sample_id"]) for row in chunk[start : start + plan.batch_size]]
                    attempts = list(islice(read, len(names)))
                    found, size = _score_batch(bundle, names, attempts, size)
                    scored += found
                    advance(len(names))
                yield index, scored, size
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ahead(pool: ThreadPoolExecutor, function: Callable[[A], B], inputs: Iterable[A], ahead: int) -> Iterator[B]:
    """Results in the order of the inputs, with at most ``ahead`` of them computed before they are asked for."""
    waiting: deque[Future[B]] = deque()
    for one in inputs:
        waiting.append(pool.submit(function, one))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _score_batch(bundle: Bundle, names: Sequence[str], attempts: Sequence[Attempt[Prepared]], size: int) -> tuple[list[Scored], int]:
    start = time.perf_counter()
    prepared = [None if isinstance(made.value, Quarantined) else made.value for made in attempts]
    raw, calibrated, size, too_big = probabilities_within_memory(bundle, prepared, size)
    share = (time.perf_counter() - start) / len(names)
    scored = []
    for place, (name, made) in enumerate(zip(names, attempts, strict=True)):
        aside = made.value if isinstance(made.value, Quarantined) else None
        if aside is None and place in too_big:
            aside = Quarantined("does not fit into memory, even alone")
        elif aside is None and not np.isfinite(raw[place]).all():
            aside = Quarantined("the network gave a value that is not finite")
        scored.append(Scored(name, raw[place].tolist(), calibrated[place].tolist(), made.seconds + share, aside))
    return scored, size


def probabilities_within_memory(
    bundle: Bundle, prepared: Sequence[Prepared | None], size: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int, set[int]]:
    """Raw and calibrated probabilities of one batch, ``size`` rows a pass; out of memory halves the size.

    Returns:
        Both "sample output", the size that worked, and the places of samples that do not fit even alone.
    """
    while True:
        parts, too_big = [], set()
        try:
            for start in range(0, len(prepared), size):
                try:
                    parts.append(bundle.probabilities(prepared[start : start + size], rows=size))
                except (RuntimeError, MemoryError) as error:
                    if size > 1 or not _is_out_of_memory(error):
                        raise
                    too_big.add(start)
                    parts.append((np.full((1, bundle.target.outputs), np.nan),) * 2)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        else:
            return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), size, too_big
        # Outside the handler: its traceback keeps the failed pass's tensors alive.
        size = max(1, size // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it, the CPU's allocator only a message."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)
