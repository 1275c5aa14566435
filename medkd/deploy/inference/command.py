"""``medkd predict``: what was typed, and what is said at the end."""

from __future__ import annotations

import argparse
from pathlib import Path

from medkd.deploy.inference.formats.dicom_sr import FAILED, SR
from medkd.deploy.inference.formats.fhir import FHIR
from medkd.deploy.inference.plan import QUARANTINE, TABLE
from medkd.deploy.inference.predict import BATCH_SIZE, predict
from medkd.deploy.inference.quarantine import RETRIES


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd predict BUNDLE INPUT --out DIR ...``; the options are those of ``predict``."""
    options = {key: value for key, value in vars(namespace).items() if value is not None}
    out = Path(options["out"])
    summary = predict(
        Path(options["bundle"]),
        Path(options["input"]),
        out,
        shard=options.get("shard", (1, 1)),
        trust=options.get("trust", ()),
        batch_size=options.get("batch_size", BATCH_SIZE),
        device=options.get("devices", "auto"),
        workers=options.get("workers"),
        runtime=options.get("runtime", "torch"),
        precision=options.get("precision", 32),
        key=options.get("require_signed"),
        retries=options.get("retries", RETRIES),
        engine=options.get("engine", "local"),
        ray_address=options.get("ray_address"),
        fhir=bool(options.get("fhir")),
        dicom_sr=bool(options.get("dicom_sr")),
    )
    rate = f" {summary.computed} now, {summary.computed / summary.seconds:.1f} a second." if summary.computed else ""
    if not summary.complete:
        print(
            f"{summary.done} of {summary.chunks} chunks are there; the table follows when the other shards are done.{rate}"
        )
        return 0
    print(f"{summary.scored} of {summary.items} items scored: {out / TABLE}.{rate}")
    if summary.quarantined:
        print(f"{summary.quarantined} set aside, with reasons: {out / QUARANTINE}")
    if options.get("fhir"):
        print(f"FHIR R4: {out / FHIR}")
    if reports := summary.reports:
        failed = f", {reports.failed} could not be written: {out / SR / FAILED}" if reports.failed else ""
        print(f"DICOM SR: {reports.written} in {out / SR}, {reports.others} records are no DICOM{failed}")
    return 0
