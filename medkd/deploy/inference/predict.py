"""Score a folder, a cohort or a manifest with a bundle; killed at any moment, the same call goes on."""

from __future__ import annotations

import importlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from tqdm import tqdm

from medkd.data.io.private import sweep_temporaries
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import read_checked
from medkd.deploy.bundle.runtime import RUNTIMES
from medkd.deploy.bundle.signature import check_signature
from medkd.deploy.inference.chunks import columns_of, is_done
from medkd.deploy.inference.devices import Devices
from medkd.deploy.inference.engines.determinism import exact
from medkd.deploy.inference.engines.local import compute_chunks
from medkd.deploy.inference.extracted import extracted, sweep_extracts
from medkd.deploy.inference.formats.dicom_sr import Reports, write_dicom_sr
from medkd.deploy.inference.formats.fhir import write_fhir
from medkd.deploy.inference.job import Finished, Job
from medkd.deploy.inference.manifest import find_items
from medkd.deploy.inference.os_errors import telling_refusals
from medkd.deploy.inference.plan import CHUNKS, PLAN, Plan
from medkd.deploy.inference.predictions import count, first_reason, write_predictions
from medkd.deploy.inference.pseudonym import KEY_FILE, Pseudonyms, names_of
from medkd.deploy.inference.quarantine import RETRIES
from medkd.deploy.inference.run_record import Call, write_run_record
from medkd.errors import InputError, nearest

BATCH_SIZE = 32
ENGINES, PRECISIONS = ("local", "ray"), (16, 32)
Engine = Callable[[Bundle, Job, Devices, Sequence[int], Callable[[int], object]], Iterator[Finished]]
"""Computes and writes chunks of a job, and tells of each; called with how many more items are done."""
_log = logging.getLogger("medkd.deploy")


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Args:
        items: in the whole list.
        scored, quarantined: among those, once all chunks are there; both 0 before.
        chunks, done: chunks in all, and those that are there.
        computed: items that this call computed.
        seconds: that this call took.
        reports: what came of the DICOM reports, where they were asked for.
    """

    items: int
    scored: int
    quarantined: int
    chunks: int
    done: int
    computed: int
    seconds: float
    reports: Reports | None = None

    @property
    def complete(self) -> bool:
        """Whether every chunk is there and the table was written."""
        return self.done == self.chunks


def predict(
    bundle: Path,
    source: Path,
    out: Path,
    *,
    shard: tuple[int, int] | str = (1, 1),
    trust: Sequence[str] = (),
    batch_size: int = BATCH_SIZE,
    device: str = "auto",
    workers: int | None = None,
    runtime: str = "torch",
    precision: int = 32,
    key: Path | None = None,
    retries: int = RETRIES,
    engine: str = "local",
    ray_address: str | None = None,
    fhir: bool = False,
    dicom_sr: bool = False,
) -> Summary:
    """Score everything in ``source``; see docs/deploy.md for what is written to ``out``.

    Args:
        bundle: the bundle's folder.
        source: a folder of files, a cohort's root, or a manifest.
        out: where predictions, quarantine and run record go; one that was begun by the same call is gone on with.
        shard: (i, n) or "i/n", counted from 1: compute every n-th chunk only.
        trust: packages beside medkd whose classes the bundle may name.
        batch_size: rows in each pass of the network.
        device: auto, cpu, cuda (every GPU), or GPUs by number, such as "0,1".
        workers: threads that read, by default one a core, at most 8; under Ray the number of actors, by default 2 on
            this machine and one a core or GPU of a cluster.
        runtime: torch or onnx.
        precision: bits of a number inside the network: 16 is faster on a GPU, and rounds.
        key: public key by which the bundle must have been signed.
        retries: how often a record is tried again that disk or network refused for the moment.
        engine: local, or ray.
        ray_address: of a running cluster; by default that in ``RAY_ADDRESS``, else one of two actors is started here.
        fhir: also write ``fhir.ndjson``.
        dicom_sr: also write ``sr/``, a report for each record that is a DICOM object.

    Raises:
        InputError: something cannot be used, or not a single item could be scored; then nothing is left in ``out``.
    """
    started = time.perf_counter()
    part, parts = _shard(shard)
    _check(batch_size, workers, retries, engine, runtime, precision)
    devices = Devices.parse(device, elsewhere=engine == "ray")
    scorer = _engine(engine, ray_address)
    if dicom_sr:
        # A missing package is told before hours of scoring, not after.
        importlib.import_module("highdicom")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", where="--out", remedy="Give a folder")
    if out.resolve().is_relative_to(bundle.resolve()):
        raise InputError(
            f"{out} lies in the bundle, which must not change", where="--out", remedy="Give another folder"
        )
    with exact(devices.kind) as passes:
        loaded = Bundle.load(bundle, trust, runtime=runtime, key=key)
        columns_of(loaded.target)
        items = find_items(source, loaded.modalities, loaded.target.key)
        plan = Plan(
            loaded.bundle_sha256, items.digest, items.table.height, batch_size, devices.kind, runtime, precision
        )
        job = Job(bundle, plan, items, out, tuple(trust), key, workers, retries, passes)
        existed = out.exists()
        with telling_refusals(out):
            plan.begin(out)
            names = Pseudonyms.of_folder(out)
            missing = [index for index in plan.shard(part, parts) if not is_done(out, index, plan)]
            try:
                computed = _compute(loaded, job, devices, scorer, missing, names)
            except InputError:
                if parts == 1 and not any((out / CHUNKS).iterdir()):
                    _withdraw(out, existed)
                raise
            done = sum(is_done(out, index, plan) for index in range(plan.chunks))
            if done < plan.chunks:
                return Summary(plan.items, 0, 0, plan.chunks, done, computed, time.perf_counter() - started)
            counts = count(out, plan)
            if not counts.scored:
                first = _first_reason(job, names)
                _withdraw(out, existed)
                raise InputError(
                    f"none of {plan.items} items could be read, the first because: {first}",
                    where=source,
                    remedy="Nothing was written",
                )
            write_predictions(out, plan)
            signer = None if key is None else check_signature(read_checked(bundle), key, bundle)
            call = Call(engine, computed, time.perf_counter() - started, signer)
            write_run_record(out, bundle=loaded, items=items, plan=plan, counts=counts, call=call, names=names)
            if fhir:
                write_fhir(out, loaded, items)
            reports = write_dicom_sr(out, loaded, items) if dicom_sr else None
            sweep_temporaries(out / CHUNKS)
            sweep_temporaries(out)
            sweep_extracts(out)
    return Summary(plan.items, counts.scored, counts.quarantined, plan.chunks, done, computed, call.seconds, reports)


def _compute(
    bundle: Bundle, job: Job, devices: Devices, engine: Engine, missing: Sequence[int], names: Pseudonyms
) -> int:
    """Compute the chunks that are not there yet; how many items those held."""
    if not missing:
        return 0
    total = sum(job.plan.rows(job.items.table, index).height for index in missing)
    with (
        extracted(job.items, job.out) as placed,
        tqdm(total=total, unit=" items", desc="scoring", smoothing=0.1, disable=not sys.stderr.isatty()) as bar,
    ):
        for one in engine(bundle, replace(job, items=placed), devices, missing, bar.update):
            hidden = " ".join(names.of(name) for name in one.aside)
            _log.info("chunk %d: %d items, %d set aside %s", one.index, one.items, len(one.aside), hidden)
            if one.batch_size < job.plan.batch_size:
                _log.warning("out of memory: batches of %d instead of %d", one.batch_size, job.plan.batch_size)
    return total


def _engine(name: str, address: str | None) -> Engine:
    if name == "local":
        return compute_chunks
    # Here, since its package is optional.
    from medkd.deploy.inference.engines.ray import RayEngine

    return RayEngine(address)


def _first_reason(job: Job, names: Pseudonyms) -> str:
    """Why the first item was set aside, its names hidden."""
    item, reason = first_reason(job.out, job.plan)
    return names.hide(reason, names_of(job.items.table.row(by_predicate=pl.col("sample_id") == item, named=True)))


def _withdraw(out: Path, existed: bool) -> None:
    """Leave ``out`` as it was found: the records may be mended, and the same command must then start afresh."""
    shutil.rmtree(out / CHUNKS, ignore_errors=True)
    for name in (PLAN, KEY_FILE):
        (out / name).unlink(missing_ok=True)
    sweep_temporaries(out)
    sweep_extracts(out)
    if not existed and not any(out.iterdir()):
        out.rmdir()


def _shard(shard: tuple[int, int] | str) -> tuple[int, int]:
    try:
        part, parts = (int(number) for number in (shard.split("/") if isinstance(shard, str) else shard))
    except ValueError:
        part, parts = 0, 0
    if not 1 <= part <= parts:
        raise InputError(f"'{shard}' is no shard", where="--shard", remedy="Write i/n with 1 <= i <= n, such as 2/4")
    return part, parts


def _check(batch_size: int, workers: int | None, retries: int, engine: str, runtime: str, precision: int) -> None:
    for option, value, least in (("--batch-size", batch_size, 1), ("--workers", workers, 1), ("--retries", retries, 0)):
        if value is not None and value < least:
            raise InputError(f"{option} is {value}", where=option, remedy=f"Give at least {least}")
    for option, given, choices in (
        ("--engine", engine, ENGINES),
        ("--runtime", runtime, RUNTIMES),
        ("--precision", precision, PRECISIONS),
    ):
        if given not in choices:
            words = [str(choice) for choice in choices]
            raise InputError(f"no {option.lstrip('-')} '{given}'", where=option, remedy=nearest(str(given), words))
    if runtime == "onnx" and precision != 32:
        raise InputError(
            "ONNX Runtime computes in the precision of model.onnx", where="--precision", remedy="Use --precision 32"
        )
