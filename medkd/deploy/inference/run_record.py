"""``run.json``: the record of a run in digests and counts, with identifiers only as keyed hashes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field

from medkd.data.core.target import Target
from medkd.data.io.digest import digest_file
from medkd.data.io.document import Document, parse_document
from medkd.data.io.load import read_json
from medkd.data.io.private import writing_private
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.preprocessing import USED
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.merge import RunCounts, scan_quarantined
from medkd.deploy.inference.plan import PARQUET, RUN, Plan
from medkd.deploy.inference.pseudonym import KEY_VARIABLE, Pseudonyms, identifiers_in
from medkd.errors import InputError

_PACKAGES = ("medkd", "torch", "numpy", "polars")


class ItemCounts(Document):
    """Numbers of items and chunks."""

    items: int
    ok: int
    quarantined: int
    chunks: int


class FileCounts(Document):
    """Files of a folder: those that items were read from, and the others by kind."""

    found: int
    of_items: int
    not_read: dict[str, int]


class ExcludedSamples(Document):
    """Samples that a cohort leaves out for one reason."""

    reason: str
    count: int


class ValueCounts(Document):
    """Values of event files: those used and those set aside, by reason, are all that the files hold."""

    seen: int
    used: int
    aside: dict[str, int]


class BatchSizes(Document):
    """Rows per pass of the network: as asked for, and the smallest after memory ran out."""

    asked: int
    smallest: int


class Throughput(Document):
    """Items that the completing call computed; the others were there."""

    items: int
    seconds: float
    items_per_second: float


class QuarantinedItem(Document):
    """A quarantined item by its hash, with its reason, in which its names are hashed too."""

    item: str
    reason: str


class RunRecord(Document):
    """What ``run.json`` holds."""

    schema_version: Literal[1] = 1
    plan: Plan
    bundle_sha256: str
    model_sha256: str
    signed_by: str | None
    """Fingerprint of the key whose signature was required; null where none was."""
    predictions_sha256: str
    source: str
    target: str
    target_config: Target | None = None
    """Null in runs of a medkd that did not record it."""
    threshold: dict[str, float | None]
    view: str
    length: dict[str, dict[str, str]]
    engine: str
    runtime: str
    precision: int
    device: str
    versions: dict[str, str]
    counts: ItemCounts
    files: FileCounts | None = None
    """Null where items come from a list or a cohort."""
    excluded: list[ExcludedSamples] = Field(default_factory=list)
    """By a cohort; empty elsewhere."""
    values: ValueCounts | None = None
    """Null where no item has an event file."""
    retries: int
    batch_size: BatchSizes
    throughput: Throughput
    item_seconds: float
    hash_key: str
    quarantined: list[QuarantinedItem]


def write_run_record(
    out: Path,
    *,
    bundle: Bundle,
    items: Items,
    plan: Plan,
    counts: RunCounts,
    names: Pseudonyms,
    engine: str,
    computed: int,
    seconds: float,
    signed_by: str | None = None,
) -> None:
    """Write ``run.json`` of a run that has its tables.

    Args:
        out: the run's folder.
        bundle, items, plan, counts: of the run.
        names: hash identifiers.
        engine: of the call that completed the run: "local" or "ray".
        computed: items that this call computed.
        seconds: that this call took.
        signed_by: fingerprint of the key whose signature was required.
    """
    record = RunRecord(
        plan=plan,
        bundle_sha256=plan.bundle_sha256,
        model_sha256=bundle.model_sha256,
        signed_by=signed_by,
        predictions_sha256=digest_file(out / PARQUET),
        source=items.source,
        target=bundle.target.key,
        target_config=bundle.target,
        threshold=dict(bundle.threshold),
        view=str(bundle.view),
        length=bundle.preprocessing.length(),
        engine=engine,
        runtime=plan.runtime,
        precision=plan.precision,
        device=torch.cuda.get_device_name() if plan.device == "cuda" and torch.cuda.is_available() else plan.device,
        versions=_versions(plan, engine),
        counts=ItemCounts(items=plan.items, ok=counts.scored, quarantined=counts.quarantined, chunks=plan.chunks),
        files=None if items.files is None else _files(items.files, items.unread),
        excluded=[ExcludedSamples(reason=one.reason, count=one.count) for one in items.excluded if one.count],
        values=_values(counts.values),
        retries=counts.retries,
        batch_size=BatchSizes(asked=plan.batch_size, smallest=counts.smallest_batch),
        throughput=Throughput(items=computed, seconds=round(seconds, 3), items_per_second=round(computed / seconds, 3)),
        item_seconds=counts.seconds,
        hash_key=KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else "this folder's own",
        quarantined=_quarantined(out, items, plan, names),
    )
    with writing_private(out / RUN) as temporary:
        temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_run_record(run: Path) -> RunRecord:
    """The record of a finished run.

    Args:
        run: its folder.

    Raises:
        InputError: there is none, it is damaged, or of a newer medkd.
    """
    path, remedy = run / RUN, "Repeat medkd predict"
    document = read_json(path, remedy)
    if document.get("schema_version") != RunRecord.model_fields["schema_version"].default:
        raise InputError(f"{RUN} is of another version of medkd", where=run, remedy=remedy)
    return parse_document(RunRecord, document, path, remedy)


def _files(found: int, unread: Mapping[str, int]) -> FileCounts:
    return FileCounts(found=found, of_items=found - sum(unread.values()), not_read=dict(unread))


def _values(values: Mapping[str, int]) -> ValueCounts | None:
    if not values:
        return None
    aside = {reason: number for reason, number in sorted(values.items()) if number and reason != USED}
    return ValueCounts(seen=sum(values.values()), used=values.get(USED, 0), aside=aside)


def _versions(plan: Plan, engine: str) -> dict[str, str]:
    packages = [
        *_PACKAGES,
        *(["onnxruntime"] if plan.runtime == "onnx" else []),
        *(["ray"] if engine == "ray" else []),
    ]
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _quarantined(out: Path, items: Items, plan: Plan, names: Pseudonyms) -> list[QuarantinedItem]:
    rows = items.table.lazy().join(scan_quarantined(out, plan), on="sample_id").sort("sample_id")
    return [
        QuarantinedItem(
            item=names.hash(str(row["sample_id"])),
            reason=names.redact(str(row["reason"]), identifiers_in({key: row[key] for key in row if key != "reason"})),
        )
        for row in rows.collect(engine="streaming").iter_rows(named=True)
    ]
