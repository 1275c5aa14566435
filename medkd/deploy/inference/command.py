"""``medkd predict``: options, and the summary that is printed at the end."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.deploy.bundle.layout import RUNTIMES
from medkd.deploy.bundle.trust_options import add_trust_arguments
from medkd.deploy.inference.settings import DEFAULTS, ENGINES, PredictSettings
from medkd.parser import Parser, amount, count, one_of, shard

if TYPE_CHECKING:
    from medkd.deploy.inference.predict import RunSummary


def add_arguments(parser: Parser) -> None:
    """Add BUNDLE, INPUT and the options of ``PredictSettings``."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="folder of files, a cohort's root, or a CSV/Parquet manifest"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help="where predictions, quarantine and run.json go"
    )
    parser.add_argument("--shard", type=shard, metavar="I/N", help="compute only part I of N, counted from 1")
    parser.add_argument(
        "--runtime",
        type=one_of("--runtime", RUNTIMES),
        default=DEFAULTS.runtime,
        metavar="R",
        help="torch or onnx; default %(default)s",
    )
    parser.add_argument(
        "--engine",
        type=one_of("--engine", ENGINES),
        default=DEFAULTS.engine,
        metavar="E",
        help="local or ray; default %(default)s",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="with --engine ray: the cluster; default: RAY_ADDRESS, else this machine",
    )
    parser.add_argument(
        "--batch-size",
        type=count,
        default=DEFAULTS.batch_size,
        metavar="N",
        help="records in a pass of the network; default %(default)s",
    )
    parser.add_argument(
        "--devices",
        default=DEFAULTS.devices,
        metavar="D",
        help="auto, cpu, cuda (every GPU), or GPUs by number: 0,1; default %(default)s",
    )
    parser.add_argument(
        "--precision",
        type=count,
        default=DEFAULTS.precision,
        metavar="BITS",
        help="32, or 16: faster on a GPU, and rounds; default %(default)s",
    )
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="threads that read and prepare, default one per core, up to 8; with --engine ray, actors",
    )
    parser.add_argument(
        "--retries",
        type=amount,
        default=DEFAULTS.retries,
        metavar="N",
        help="how often to read again what disk or network refused; default %(default)s",
    )
    parser.add_argument(
        "--fhir",
        action="store_true",
        help="write FHIR R4 too: Device.ndjson, and RiskAssessment.ndjson or Observation.ndjson",
    )
    parser.add_argument("--dicom-sr", action="store_true", help="write sr/ too: a DICOM SR for each DICOM record")
    add_trust_arguments(parser)


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd predict BUNDLE INPUT --out DIR [OPTIONS]``."""
    from medkd import registry
    from medkd.deploy.inference.formats.dicom_sr import FAILED, SR
    from medkd.deploy.inference.formats.fhir import DEVICE
    from medkd.deploy.inference.plan import QUARANTINE, TABLE
    from medkd.deploy.inference.predict import predict

    settings, out = PredictSettings.from_namespace(namespace), Path(namespace.out)
    summary = predict(Path(namespace.bundle), Path(namespace.input), out, settings, registry=registry)
    rate = f" {summary.computed} now, {summary.computed / summary.seconds:.1f} per second." if summary.computed else ""
    for line in _left_out(summary):
        print(line)
    if not summary.complete:
        print(
            f"{summary.done} of {summary.chunks} chunks are there; "
            f"the table follows when the other shards are done.{rate}"
        )
        return 0
    print(f"{summary.scored} of {summary.items} items scored: {out / TABLE}.{rate}")
    if summary.quarantined:
        print(f"{summary.quarantined} set aside, with reasons: {out / QUARANTINE}")
    if summary.fhir:
        print(f"FHIR R4: {out / DEVICE}, then {out / summary.fhir}")
    if reports := summary.reports:
        failed = f", {reports.failed} could not be written: {out / SR / FAILED}" if reports.failed else ""
        print(f"DICOM SR: {reports.written} in {out / SR}, {reports.others} records are not DICOM{failed}")
    return 0


def _left_out(summary: RunSummary) -> Iterator[str]:
    """Lines about what was found and is not an item."""
    from medkd.deploy.bundle.preprocessing import USED
    from medkd.deploy.inference.items import in_words

    if summary.unread:
        total = sum(summary.unread.values())
        yield f"not read: {total:,} files that belong to no record ({in_words(summary.unread)})"
    for one in summary.excluded:
        if one.count:
            yield f"left out by the cohort: {one.count:,} ({one.reason})"
    aside = {reason: number for reason, number in sorted(summary.values.items()) if number and reason != USED}
    if aside:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in aside.items())
        yield f"values set aside: {sum(aside.values()):,} of {sum(summary.values.values()):,} ({reasons})"
