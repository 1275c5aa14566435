"""Scoring on this machine: threads read and prepare ahead while others run the network."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeVar

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.chunks import Chunk, write_chunk
from medkd.deploy.inference.engines.batching import BatchScorer, PreparedItem
from medkd.deploy.inference.engines.devices import Devices
from medkd.deploy.inference.engines.job import ChunkSummary, Job
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult
from medkd.deploy.inference.quarantine import Attempt, attempt
from medkd.deploy.inference.settings import PredictSettings

A = TypeVar("A")
B = TypeVar("B")

_MOST_READERS = 8
_PASSES_PER_GPU = 2
"""While one batch is computed the next is put together."""


@dataclass(frozen=True)
class _Batch:
    """Consecutive items of one chunk.

    Args:
        chunk: its index.
        names, attempts: one per item.
        is_last: whether the chunk ends with it.
    """

    chunk: int
    names: list[str]
    attempts: list[Attempt[PreparedItem]]
    is_last: bool


def compute_chunks(
    bundle: Bundle, job: Job, devices: Devices, chunks: Sequence[int], advance: Callable[[int], object]
) -> Iterator[ChunkSummary]:
    """Compute chunks in the given order and write each; yield a summary of each that was written.

    Args:
        bundle: of the job, as it was loaded.
        job: of the run.
        devices: that are to compute.
        chunks: which to compute.
        advance: called with how many more items are done.
    """
    loaded = [bundle.to(devices.names[0]), *(job.load(name) for name in devices.names[1:])]
    slots = loaded * (_PASSES_PER_GPU if devices.kind == "cuda" else job.passes)
    for chunk in score_chunks(slots, job.items, job.plan, job.settings, chunks, advance):
        write_chunk(job.out, chunk, job.plan, bundle)
        yield ChunkSummary.of_chunk(chunk)


def score_chunks(
    slots: Sequence[Bundle],
    items: Items,
    plan: Plan,
    settings: PredictSettings,
    chunks: Sequence[int],
    advance: Callable[[int], object] = lambda _: None,
) -> Iterator[Chunk]:
    """Compute chunks in the given order, in memory.

    A chunk's batches start at its first item, each pass of the network has the same number of rows, and a quarantined
    item leaves its place empty: a score depends on nothing but its own record.

    Args:
        slots: the bundle, once for each pass of the network that is to run at the same time.
        items, plan, settings: of the run.
        chunks: which to compute.
        advance: called with how many more items are done.
    """
    scorer = BatchScorer(plan)
    workers = settings.workers or min(_MOST_READERS, os.cpu_count() or 1)

    def prepare(row: dict[str, Any]) -> Attempt[PreparedItem]:
        if flaw := items.flaws.get(row["sample_id"]):
            return Attempt(None, flaw)

        values: dict[str, int] = {}

        def act() -> PreparedItem:
            values.clear()
            prepared = slots[0].prepare(row, items.root, values)
            return PreparedItem(prepared, slots[0].drift_of(prepared))

        return replace(attempt(act, time.perf_counter, settings.retries), values=values)

    free: SimpleQueue[Bundle] = SimpleQueue()
    for slot in slots:
        free.put(slot)

    def score(batch: _Batch) -> tuple[_Batch, list[ItemResult]]:
        slot = free.get()
        try:
            return batch, scorer.score(slot, batch.names, batch.attempts)
        finally:
            free.put(slot)

    with ExitStack() as stack:
        readers = stack.enter_context(_pool(workers, "reader"))
        scorers = stack.enter_context(_pool(len(slots), "network"))
        rows = (row for index in chunks for row in plan.rows(items.table, index).iter_rows(named=True))
        attempts = _ahead(readers, prepare, rows, ahead=2 * plan.batch_size + workers)
        results: list[ItemResult] = []
        retries = 0
        values: Counter[str] = Counter()
        for batch, scored in _ahead(scorers, score, _batches(items, plan, chunks, attempts), ahead=len(slots) + 1):
            results += scored
            retries += sum(made.retries for made in batch.attempts)
            for made in batch.attempts:
                values.update(made.values)
            advance(len(scored))
            if batch.is_last:
                yield Chunk(batch.chunk, results, scorer.batch_size, retries, dict(values))
                results, retries, values = [], 0, Counter()


def _batches(
    items: Items, plan: Plan, chunks: Sequence[int], attempts: Iterator[Attempt[PreparedItem]]
) -> Iterator[_Batch]:
    for index in chunks:
        names = plan.rows(items.table, index)["sample_id"].to_list()
        for start in range(0, len(names), plan.batch_size):
            part = names[start : start + plan.batch_size]
            yield _Batch(index, part, list(islice(attempts, len(part))), start + len(part) == len(names))


def _ahead(pool: ThreadPoolExecutor, function: Callable[[A], B], inputs: Iterable[A], ahead: int) -> Iterator[B]:
    """Results in the order of the inputs, with at most ``ahead`` of them computed before they are asked for."""
    waiting: deque[Future[B]] = deque()
    for one in inputs:
        waiting.append(pool.submit(function, one))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _pool(threads: int, name: str) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
