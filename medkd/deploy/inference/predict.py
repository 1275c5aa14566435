"""Batch prediction: score a folder, a cohort or a manifest; killed at any moment, the same call continues the run."""

from __future__ import annotations

import importlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
from tqdm import tqdm

from medkd.data.core.registry import Registry
from medkd.data.core.sample import Exclusion
from medkd.data.io.private import sweep_temporaries
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import read_checked
from medkd.deploy.bundle.signature import check_signature
from medkd.deploy.inference.chunks import is_done
from medkd.deploy.inference.engines.determinism import deterministic_kernels
from medkd.deploy.inference.engines.devices import Devices
from medkd.deploy.inference.engines.job import ChunkSummary, Job
from medkd.deploy.inference.engines.local import compute_chunks
from medkd.deploy.inference.formats.dicom_sr import Reports, write_dicom_sr
from medkd.deploy.inference.formats.fhir import items_file, write_fhir
from medkd.deploy.inference.items import find_items, sweep_extracts, temporary_extract
from medkd.deploy.inference.merge import count_items, scan_quarantined, write_predictions
from medkd.deploy.inference.os_errors import one_line_refusals
from medkd.deploy.inference.plan import CHUNKS, PLAN, Plan
from medkd.deploy.inference.predictions import prediction_columns
from medkd.deploy.inference.pseudonym import KEY_FILE, Pseudonyms, identifiers_in
from medkd.deploy.inference.run_record import write_run_record
from medkd.deploy.inference.settings import DEFAULTS, PredictSettings
from medkd.errors import InputError

Engine = Callable[[Bundle, Job, Devices, Sequence[int], Callable[[int], object]], Iterator[ChunkSummary]]
"""Computes and writes chunks of a job, and yields a summary of each (see ``compute_chunks``)."""
_log = logging.getLogger("medkd.deploy")


@dataclass(frozen=True)
class RunSummary:
    """Counts of a run after one call of ``predict``.

    Args:
        items: in the whole list.
        scored, quarantined: among those, once all chunks are there; both 0 before.
        chunks, done: chunks in all, and those that are there.
        computed: items that this call computed.
        seconds: that this call took.
        unread: files of the folder that belong to no item, counted by kind.
        excluded: samples that the cohort leaves out, counted by reason.
        values: of event files, those used and those set aside, counted by reason.
        reports: counts of the DICOM reports, where they were asked for.
        fhir: name of the file of FHIR resources, where they were asked for.
    """

    items: int
    scored: int
    quarantined: int
    chunks: int
    done: int
    computed: int
    seconds: float
    unread: Mapping[str, int] = field(default_factory=dict)
    excluded: tuple[Exclusion, ...] = ()
    values: Mapping[str, int] = field(default_factory=dict)
    reports: Reports | None = None
    fhir: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every chunk is there and the table was written."""
        return self.done == self.chunks


def predict(
    bundle: Path, source: Path, out: Path, settings: PredictSettings = DEFAULTS, *, registry: Registry
) -> RunSummary:
    """Score everything in ``source``; see docs/deploy.md for what is written to ``out``.

    Args:
        bundle: the bundle's folder.
        source: a folder of files, a cohort's root, or a manifest.
        out: where predictions, quarantine and run record go; a run that was begun by the same call is continued.
        settings: how to compute, and what to write.
        registry: the cohorts whose roots are recognised, such as the module ``medkd.registry``.

    Raises:
        InputError: something cannot be used, or not a single item could be scored; then nothing is left in ``out``.
    """
    started = time.perf_counter()
    devices = Devices.parse(settings.devices, elsewhere=settings.engine == "ray")
    engine = _engine(settings)
    if settings.dicom_sr:
        # A missing package is reported before hours of scoring, not after.
        importlib.import_module("highdicom")
    _check_out(out, bundle)
    with deterministic_kernels(devices.kind) as passes:
        loaded = Bundle.load(bundle, settings.trust, runtime=settings.runtime, key=settings.require_signed)
        prediction_columns(loaded.target)
        items = find_items(source, loaded.modalities, loaded.target.key, registry=registry)
        plan = Plan(
            bundle_sha256=loaded.bundle_sha256,
            items_sha256=items.digest,
            items=items.table.height,
            batch_size=settings.batch_size,
            device=devices.kind,
            runtime=settings.runtime,
            precision=settings.precision,
        )
        job = Job(bundle, plan, items, out, settings, passes)
        existed = out.exists()
        with one_line_refusals(out):
            plan.begin(out)
            names = Pseudonyms.for_folder(out)
            missing = [index for index in plan.shard(*settings.shard) if not is_done(out, index, plan)]
            try:
                computed = _compute(loaded, job, devices, engine, missing, names)
            except InputError:
                if settings.shard == (1, 1) and not any((out / CHUNKS).iterdir()):
                    _withdraw(out, existed)
                raise
            done = sum(is_done(out, index, plan) for index in range(plan.chunks))
            if done < plan.chunks:
                seconds = time.perf_counter() - started
                return RunSummary(plan.items, 0, 0, plan.chunks, done, computed, seconds, items.unread, items.excluded)
            counts = count_items(out, plan)
            if not counts.scored:
                first = _first_reason(job, names)
                _withdraw(out, existed)
                raise InputError(
                    f"none of {plan.items} items could be read, the first because: {first}",
                    where=source,
                    remedy="Nothing was written",
                )
            write_predictions(out, plan)
            seconds = time.perf_counter() - started
            write_run_record(
                out,
                bundle=loaded,
                items=items,
                plan=plan,
                counts=counts,
                names=names,
                engine=settings.engine,
                computed=computed,
                seconds=seconds,
                signed_by=_signer(bundle, settings.require_signed),
            )
            if settings.fhir:
                write_fhir(out, loaded, items)
            reports = write_dicom_sr(out, loaded, items) if settings.dicom_sr else None
            for folder in (out / CHUNKS, out):
                sweep_temporaries(folder)
            sweep_extracts(out)
    return RunSummary(
        plan.items,
        counts.scored,
        counts.quarantined,
        plan.chunks,
        done,
        computed,
        seconds,
        items.unread,
        items.excluded,
        counts.values,
        reports,
        items_file(loaded.target) if settings.fhir else None,
    )


def _check_out(out: Path, bundle: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", where="--out", remedy="Give a folder")
    if out.resolve().is_relative_to(bundle.resolve()):
        raise InputError(
            f"{out} lies in the bundle, which must not change", where="--out", remedy="Give another folder"
        )


def _engine(settings: PredictSettings) -> Engine:
    if settings.engine == "local":
        return compute_chunks
    # Here, since its package is optional.
    from medkd.deploy.inference.engines.ray import RayEngine

    return RayEngine(settings.ray_address)


def _compute(
    bundle: Bundle, job: Job, devices: Devices, engine: Engine, missing: Sequence[int], names: Pseudonyms
) -> int:
    """Compute the chunks that are not there yet; the number of items in those."""
    if not missing:
        return 0
    total = sum(job.plan.rows(job.items.table, index).height for index in missing)
    with (
        temporary_extract(job.items, job.out) as items,
        tqdm(total=total, unit=" items", desc="scoring", smoothing=0.1, disable=not sys.stderr.isatty()) as bar,
    ):
        for chunk in engine(bundle, replace(job, items=items), devices, missing, bar.update):
            hashes = " ".join(names.hash(name) for name in chunk.quarantined)
            _log.info("chunk %d: %d items, %d set aside %s", chunk.index, chunk.items, len(chunk.quarantined), hashes)
            if chunk.batch_size < job.plan.batch_size:
                _log.warning("out of memory: batches of %d instead of %d", chunk.batch_size, job.plan.batch_size)
    return total


def _first_reason(job: Job, names: Pseudonyms) -> str:
    """Why the first item was quarantined, its names hidden."""
    name, reason = scan_quarantined(job.out, job.plan).head(1).collect().row(0)
    item = job.items.table.row(by_predicate=pl.col("sample_id") == name, named=True)
    return names.redact(str(reason), identifiers_in(item))


def _signer(bundle: Path, key: Path | None) -> str | None:
    return None if key is None else check_signature(read_checked(bundle), key, bundle)


def _withdraw(out: Path, existed: bool) -> None:
    """Leave ``out`` as it was: the records may be repaired, and the same command must then start afresh."""
    shutil.rmtree(out / CHUNKS, ignore_errors=True)
    for name in (PLAN, KEY_FILE):
        (out / name).unlink(missing_ok=True)
    sweep_temporaries(out)
    sweep_extracts(out)
    if not existed and not any(out.iterdir()):
        out.rmdir()
