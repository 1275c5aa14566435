"""Scoring on this machine: threads read and prepare ahead while others run the network."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeVar

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.chunks import ChunkFacts, Scored, write_chunk
from medkd.deploy.inference.devices import Devices
from medkd.deploy.inference.engines.batching import Passes, Ready
from medkd.deploy.inference.job import Finished, Job
from medkd.deploy.inference.quarantine import Attempt, Quarantined, attempt

A = TypeVar("A")
B = TypeVar("B")

_MOST_READERS = 8
_PASSES_PER_GPU = 2
"""While one batch is computed the next is put together."""


@dataclass(frozen=True)
class _Batch:
    index: int
    names: list[str]
    attempts: list[Attempt[Ready]]
    last: bool


def compute_chunks(
    bundle: Bundle, job: Job, devices: Devices, chunks: Sequence[int], advance: Callable[[int], object]
) -> Iterator[Finished]:
    """Compute chunks in the given order and write each; what was written, chunk by chunk.

    A chunk's batches start at its first item, each pass of the network has the same number of rows, and an item that
    was set aside leaves its place empty: a score depends on nothing but its own record.

    Args:
        bundle: of the job, as it was loaded.
        job: of the run.
        devices: that are to compute.
        chunks: which to compute.
        advance: told how many more items are done.
    """
    passes = Passes(job)
    workers = job.workers or min(_MOST_READERS, os.cpu_count() or 1)

    def prepare(row: dict[str, Any]) -> Attempt[Ready]:
        def act() -> Ready:
            prepared = bundle.prepare(row, job.items.root)
            return Ready(prepared, bundle.drift_of(prepared))

        return attempt(act, time.perf_counter, job.retries)

    with ExitStack() as stack:
        placed = [bundle.to(devices.names[0]), *(job.load(name) for name in devices.names[1:])]
        slots = placed * (_PASSES_PER_GPU if devices.kind == "cuda" else job.passes)
        free: SimpleQueue[Bundle] = SimpleQueue()
        for slot in slots:
            free.put(slot)

        def score(batch: _Batch) -> tuple[_Batch, list[Scored]]:
            slot = free.get()
            try:
                return batch, passes.score(slot, batch.names, batch.attempts)
            finally:
                free.put(slot)

        readers = stack.enter_context(_pool(workers, "reader"))
        scorers = stack.enter_context(_pool(len(slots), "network"))
        rows = (row for index in chunks for row in job.plan.rows(job.items.table, index).iter_rows(named=True))
        read = _ahead(readers, prepare, rows, ahead=2 * job.plan.batch_size + workers)
        scored: list[Scored] = []
        retries = 0
        for batch, found in _ahead(scorers, score, _batches(job, chunks, read), ahead=len(slots) + 1):
            scored += found
            retries += sum(made.retries for made in batch.attempts)
            advance(len(found))
            if batch.last:
                yield _write(bundle, job, batch.index, scored, ChunkFacts(passes.size, retries))
                scored, retries = [], 0


def _batches(job: Job, chunks: Sequence[int], read: Iterator[Attempt[Ready]]) -> Iterator[_Batch]:
    for index in chunks:
        names = job.plan.rows(job.items.table, index)["sample_id"].to_list()
        for start in range(0, len(names), job.plan.batch_size):
            part = names[start : start + job.plan.batch_size]
            yield _Batch(index, part, list(islice(read, len(part))), start + len(part) == len(names))


def _write(bundle: Bundle, job: Job, index: int, scored: list[Scored], facts: ChunkFacts) -> Finished:
    write_chunk(job.out, index, scored, facts, target=bundle.target, model_sha256=bundle.model_sha256, plan=job.plan)
    aside = tuple(item.sample_id for item in scored if isinstance(item.quarantined, Quarantined))
    return Finished(index, len(scored), aside, facts.batch_size, facts.retries)


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
