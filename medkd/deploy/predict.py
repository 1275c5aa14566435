"""``medkd predict``: score a folder, a cohort or a manifest with a bundle; killed at any moment, the same command goes on."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from medkd.deploy.bundle import Bundle
from medkd.deploy.engines.local import score_chunks
from medkd.deploy.extracted import extracted, sweep_extracts
from medkd.deploy.manifest import Items, find_items
from medkd.deploy.plan import CHUNKS, PLAN, QUARANTINE, RUN, TABLE, Plan
from medkd.deploy.predictions import columns_of, is_done, read_chunks, write_chunk, write_predictions
from medkd.deploy.private import sweep_temporaries
from medkd.deploy.pseudonym import KEY_FILE, Pseudonyms, names_of
from medkd.deploy.run_record import write_run_record
from medkd.errors import InputError

BATCH_SIZE = 32
_log = logging.getLogger("medkd.deploy")


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Args:
        items: in the whole list.
        scored, quarantined: among those, once all chunks are there; both 0 before.
        chunks, done: chunks in all, and those that are there.
    """

    items: int
    scored: int
    quarantined: int
    chunks: int
    done: int

    @property
    def complete(self) -> bool:
        """Whether every chunk is there and the table was written."""
        return self.done == self.chunks


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd predict BUNDLE INPUT --out DIR [--shard I/N] [--trust PACKAGE] [--batch-size N] [--device D] [--workers N]``."""
    options = {key: value for key, value in vars(namespace).items() if value is not None}
    out = Path(options["out"])
    summary = predict(
        Path(options["bundle"]),
        Path(options["input"]),
        out,
        shard=options.get("shard", (1, 1)),
        trust=options.get("trust", ()),
        batch_size=options.get("batch_size", BATCH_SIZE),
        device=options.get("device", "auto"),
        workers=options.get("workers"),
    )
    if not summary.complete:
        print(f"{summary.done} of {summary.chunks} chunks are there; the table follows when the other shards are done.")
        return 0
    line = f"{summary.scored} of {summary.items} items scored: {out / TABLE}"
    if summary.quarantined:
        line += f"\n{summary.quarantined} set aside, with reasons: {out / QUARANTINE}"
    print(line)
    return 0


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
) -> Summary:
    """Score everything in ``source``; see docs/deploy.md for what is written to ``out``.

    Args:
        bundle: the bundle's folder.
        source: a folder of files, a cohort's root, or a manifest.
        out: where predictions, quarantine and run record go; one that was begun by the same call is gone on with.
        shard: (i, n) or "i/n", counted from 1: compute every n-th chunk only.
        trust: packages beside medkd whose classes the bundle may name.
        batch_size: rows in each pass of the network.
        device: auto, cpu or cuda.
        workers: threads that read; by default one a core, at most 8.

    Raises:
        InputError: something cannot be used, or not a single item could be scored; then nothing is left in ``out``.
    """
    started = time.perf_counter()
    part, parts = _shard(shard)
    if batch_size < 1 or (workers is not None and workers < 1):
        wrong, value = ("--batch-size", batch_size) if batch_size < 1 else ("--workers", workers)
        raise InputError(f"{wrong} is {value}", where=wrong, remedy="Give at least 1")
    on = _device(device)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", where="--out", remedy="Give a folder")
    if out.resolve().is_relative_to(bundle.resolve()):
        raise InputError(f"{out} lies in the bundle, which must not change", where="--out", remedy="Give another folder")
    loaded = Bundle.load(bundle, trust).to(on)
    columns_of(loaded.target)
    items = find_items(source, loaded.modalities, loaded.target.key)
    plan = Plan(loaded.bundle_sha256, items.digest, items.table.height, batch_size, on)
    existed = out.exists()
    plan.begin(out)
    names = Pseudonyms.of_folder(out)
    try:
        computed = _compute(loaded, items, plan, out, plan.shard(part, parts), workers or min(8, os.cpu_count() or 1), names)
    except InputError:
        if not any((out / CHUNKS).iterdir()):
            _withdraw(out, existed)
        raise
    done = sum(is_done(out, index, plan) for index in range(plan.chunks))
    if done < plan.chunks:
        return Summary(plan.items, 0, 0, plan.chunks, done)
    table, smallest = read_chunks(out, plan)
    scored = int((table["status"] == "ok").sum())
    if not scored:
        first = names.hide(str(table["reason"][0]), names_of(items.table.row(0, named=True)))
        _withdraw(out, existed)
        raise InputError(
            f"none of {plan.items} items could be read, the first because: {first}", where=source, remedy="Nothing was written"
        )
    write_predictions(out, table)
    write_run_record(
        out / RUN,
        bundle=loaded,
        items=items,
        plan=plan,
        table=table,
        smallest_batch=smallest,
        computed=computed,
        seconds=time.perf_counter() - started,
        names=names,
    )
    sweep_temporaries(out / CHUNKS)
    sweep_temporaries(out)
    sweep_extracts(out)
    return Summary(plan.items, scored, plan.items - scored, plan.chunks, done)


def _compute(bundle: Bundle, items: Items, plan: Plan, out: Path, chunks: Sequence[int], workers: int, names: Pseudonyms) -> int:
    """Compute the chunks that are not there yet; how many items those held."""
    missing = [index for index in chunks if not is_done(out, index, plan)]
    if not missing:
        return 0
    total = sum(plan.rows(items.table, index).height for index in missing)
    # Kernels that sum in a fixed order: the same record gives the same score in every run.
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        extracted(items, out) as placed,
        tqdm(total=total, unit="item", desc="scoring", disable=not sys.stderr.isatty()) as bar,
    ):
        for index, scored, size in score_chunks(bundle, placed, plan, missing, workers=workers, advance=bar.update):
            write_chunk(out, index, scored, bundle.target, bundle.model_sha256, plan, size)
            aside = [names.of(item.sample_id) for item in scored if item.quarantined is not None]
            _log.info("chunk %d: %d items, %d set aside %s", index, len(scored), len(aside), " ".join(aside))
            if size < plan.batch_size:
                _log.warning("out of memory: batches of %d instead of %d", size, plan.batch_size)
    return total


def _withdraw(out: Path, existed: bool) -> None:
    """Leave ``out`` as it was found: the records may be mended, and the same command must then start afresh."""
    shutil.rmtree(out / CHUNKS)
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


def _device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"no device '{name}'", where="--device", remedy="Choose from: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("this machine has no CUDA device that torch can use", where="--device", remedy="Use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
