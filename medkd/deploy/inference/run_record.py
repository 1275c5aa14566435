"""``run.json``: what a run was, in digests and counts; identifiers only as keyed hashes."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import torch

from medkd.data.io.digest import digest_file
from medkd.data.io.private import writing_private
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.manifest import Items
from medkd.deploy.inference.plan import PARQUET, RUN, Plan
from medkd.deploy.inference.predictions import Counts, scan_chunks
from medkd.deploy.inference.pseudonym import KEY_VARIABLE, Pseudonyms, names_of

_PACKAGES = ("medkd", "torch", "numpy", "polars")


@dataclass(frozen=True)
class Call:
    """The call that completed a run.

    Args:
        engine: "local" or "ray".
        computed: items that it computed; the others were there.
        seconds: that it took.
        signed_by: fingerprint of the key whose signature was required; None where none was.
    """

    engine: str
    computed: int
    seconds: float
    signed_by: str | None = None


def write_run_record(
    out: Path, *, bundle: Bundle, items: Items, plan: Plan, counts: Counts, call: Call, names: Pseudonyms
) -> None:
    """Write it.

    Args:
        out: the run's folder.
        bundle, items, plan, counts: of the run.
        call: the call that completed it.
        names: what stands for identifiers.
    """
    record = {
        "schema_version": 1,
        "plan": asdict(plan),
        "bundle_sha256": plan.bundle_sha256,
        "model_sha256": bundle.model_sha256,
        "signed_by": call.signed_by,
        "predictions_sha256": digest_file(out / PARQUET),
        "source": items.source,
        "target": bundle.target.key,
        "target_config": bundle.target.to_dict(),
        "threshold": bundle.calibration.threshold,
        "view": str(bundle.view),
        "length": bundle.preprocessing.length(),
        "engine": call.engine,
        "runtime": plan.runtime,
        "precision": plan.precision,
        "device": torch.cuda.get_device_name() if plan.device == "cuda" and torch.cuda.is_available() else plan.device,
        "versions": _versions(plan, call),
        "counts": {"items": plan.items, "ok": counts.scored, "quarantined": counts.quarantined, "chunks": plan.chunks},
        "retries": counts.retries,
        "batch_size": {"asked": plan.batch_size, "smallest": counts.smallest_batch},
        "throughput": {
            "items": call.computed,
            "seconds": round(call.seconds, 3),
            "items_per_second": round(call.computed / call.seconds, 3),
        },
        "item_seconds": counts.seconds,
        "hash_key": KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else "this folder's own",
        "quarantined": _aside(out, items, plan, names),
    }
    with writing_private(out / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _versions(plan: Plan, call: Call) -> dict[str, str]:
    packages = [
        *_PACKAGES,
        *(["onnxruntime"] if plan.runtime == "onnx" else []),
        *(["ray"] if call.engine == "ray" else []),
    ]
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _aside(out: Path, items: Items, plan: Plan, names: Pseudonyms) -> list[dict[str, Any]]:
    """Each item that was set aside, by its hash, with its reason: of that, too, the item's names are hidden."""
    reasons = scan_chunks(out, plan).filter(pl.col("status") != "ok").select("sample_id", "reason")
    rows = items.table.lazy().join(reasons, on="sample_id").sort("sample_id").collect(engine="streaming")
    return [
        {
            "item": names.of(str(row["sample_id"])),
            "reason": names.hide(str(row["reason"]), names_of({key: row[key] for key in row if key != "reason"})),
        }
        for row in rows.iter_rows(named=True)
    ]
