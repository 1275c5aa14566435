"""Scoring on a Ray cluster: actors with the bundle loaded once compute chunks and write them to the shared folder.

An actor writes its chunks itself, whole or not at all, so what a killed driver or a dead machine leaves is what a local
run would have left, and the same command goes on with it. Bundle, input and output have the same path on every
machine.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.chunks import is_done
from medkd.deploy.inference.engines.determinism import deterministic_kernels
from medkd.deploy.inference.engines.devices import Devices
from medkd.deploy.inference.engines.job import ChunkSummary, Job
from medkd.deploy.inference.engines.local import compute_chunks
from medkd.deploy.inference.items import temporary_table
from medkd.deploy.inference.os_errors import one_line_refusals
from medkd.errors import InputError, MedkdError

ADDRESS = "RAY_ADDRESS"
_LOCAL_ACTORS = 2
_READERS = 2
_CHUNKS_PER_CALL = 4
"""Reading goes on over the chunks of one call; more of them would deal out the work less evenly."""
_STORE = 128 << 20
_SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1", "RAY_enable_metrics_collection": "0"}


class RayEngine:
    """Computes chunks with actors of Ray Data.

    Args:
        address: of a running cluster; by default that in ``RAY_ADDRESS``, else a cluster of this machine alone is
            started, which takes work from nobody without its token, unless Ray was imported before.

    Raises:
        ModuleNotFoundError: Ray is not installed.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address or os.environ.get(ADDRESS) or None
        os.environ.update(_SILENT)
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        if self.address is None and "ray" not in sys.modules:
            # Whatever else can reach this machine's ports must not be able to give it work. Ray reads this when it is
            # imported.
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        # Before a folder is begun: it may be missing.
        import ray.data  # noqa: F401

    def __call__(
        self, bundle: Bundle, job: Job, devices: Devices, chunks: Sequence[int], advance: Callable[[int], object]
    ) -> Iterator[ChunkSummary]:
        """See ``medkd.deploy.inference.engines.local.compute_chunks``.

        Chunks come in the order in which they are done.
        """
        import ray

        with _connected(self.address, job, devices), temporary_table(job.items, job.out) as table:
            actors = min(job.settings.workers or _actors(self.address, devices), len(chunks))
            calls = -(-len(chunks) // max(1, min(_CHUNKS_PER_CALL, len(chunks) // (2 * actors))))
            done = ray.data.from_items([{"chunk": index} for index in chunks], override_num_blocks=calls).map_batches(
                _Actor,
                batch_size=None,
                compute=ray.data.ActorPoolStrategy(size=actors),
                num_cpus=1,
                num_gpus=1 if devices.kind == "cuda" else None,
                fn_constructor_args=(_portable(job), table.resolve(), devices.kind),
            )
            for row in done.iter_rows():
                if row["refusal"]:
                    what, where, remedy = row["refusal"]
                    raise InputError(what, where=where, remedy=remedy)
                advance(row["items"])
                yield ChunkSummary(row["index"], row["items"], tuple(row["quarantined"]), row["batch_size"])


class _Actor:
    """Loads the bundle once, then computes the chunks that it is given.

    Args:
        job: of the run, its list of items empty.
        table: file that holds the list.
        device: "cpu" or "cuda"; of several GPUs Ray shows each actor its own.
    """

    def __init__(self, job: Job, table: Path, device: str) -> None:
        # A refusal raised in an actor would be reported as Ray's own failure, after several more tries.
        self.refusal: list[str] = []
        try:
            self.devices = Devices.parse(device)
            self.job = replace(job, items=replace(job.items, table=pl.read_parquet(table)))
            with deterministic_kernels(device) as passes:
                self.bundle = job.load(self.devices.names[0])
            self.job = replace(self.job, passes=passes)
        except MedkdError as error:
            self.refusal = [error.what, error.where, error.remedy]
        except OSError as error:
            self.refusal = [
                f"{platform.node()} cannot read: {error.strerror or 'the list of items'}",
                str(job.out),
                "Show every machine the same folders at the same paths",
            ]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        done: list[ChunkSummary] = []
        if not self.refusal:
            try:
                with one_line_refusals(self.job.out):
                    done = self._compute([int(index) for index in batch["chunk"]])
            except MedkdError as error:
                self.refusal = [error.what, error.where, error.remedy]
        rows = [{**asdict(one), "quarantined": list(one.quarantined), "refusal": []} for one in done]
        if self.refusal:
            rows.append({**asdict(ChunkSummary(-1, 0, (), 0)), "quarantined": [], "refusal": self.refusal})
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _compute(self, chunks: list[int]) -> list[ChunkSummary]:
        """Compute the chunks that are missing; what an actor wrote that died afterwards stays."""
        plan = self.job.plan
        done = [index for index in chunks if is_done(self.job.out, index, plan)]
        missing = [index for index in chunks if index not in done]
        summaries = [
            ChunkSummary(index, plan.rows(self.job.items.table, index).height, (), plan.batch_size) for index in done
        ]
        with deterministic_kernels(self.devices.kind):
            return summaries + list(compute_chunks(self.bundle, self.job, self.devices, missing, lambda _: None))


@contextmanager
def _connected(address: str | None, job: Job, devices: Devices) -> Iterator[None]:
    """A cluster to run on; one that the caller is connected to already stays so."""
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    if address is None:
        ray.init(
            "local",
            num_cpus=job.settings.workers or _LOCAL_ACTORS,
            include_dashboard=False,
            object_store_memory=_STORE,
            **quiet,
        )
    else:
        try:
            ray.init(address, **quiet)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster answers at {address}", where="--ray-address", remedy="Start one: ray start --head"
            ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


def _actors(address: str | None, devices: Devices) -> int:
    import ray

    if address is None:
        return _LOCAL_ACTORS
    resource = "GPU" if devices.kind == "cuda" else "CPU"
    available = int(ray.cluster_resources().get(resource, 0))  # type: ignore[no-untyped-call]
    if not available:
        raise InputError("the Ray cluster has no GPU", where="--devices", remedy="Use --devices cpu")
    return available


def _portable(job: Job) -> Job:
    """The job with absolute paths, and without its list of items."""
    items = replace(job.items, root=job.items.root.resolve(), table=job.items.table.clear())
    key = job.settings.require_signed
    settings = replace(job.settings, workers=_READERS, require_signed=None if key is None else key.resolve())
    return replace(job, bundle=job.bundle.resolve(), out=job.out.resolve(), items=items, settings=settings)
