"""``run.json``: what a run was, in digests and counts; identifiers only as keyed hashes."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import polars as pl
import torch

from medkd.data.digest import digest_file
from medkd.deploy.bundle import Bundle
from medkd.deploy.manifest import Items
from medkd.deploy.plan import PARQUET, Plan
from medkd.deploy.private import writing_private
from medkd.deploy.pseudonym import KEY_VARIABLE, Pseudonyms, names_of


def write_run_record(
    path: Path,
    *,
    bundle: Bundle,
    items: Items,
    plan: Plan,
    table: pl.DataFrame,
    smallest_batch: int,
    computed: int,
    seconds: float,
    names: Pseudonyms,
) -> None:
    """Write it.

    Args:
        path: of ``run.json``.
        bundle, items, plan: of the run.
        table: all items, with ``status`` and ``reason``.
        smallest_batch: smaller than the plan's where memory ran out.
        computed: items that this call computed; the others were there.
        seconds: that this call took.
        names: what stands for identifiers.
    """
    aside = items.table.join(table.filter(pl.col("status") == "quarantined").select("sample_id", "reason"), on="sample_id")
    rows = aside.sort("sample_id").to_dicts()
    record = {
        "schema_version": 1,
        "plan": asdict(plan),
        "model_sha256": bundle.model_sha256,
        "predictions_sha256": digest_file(path.parent / PARQUET),
        "source": items.source,
        "target": bundle.target.key,
        "view": str(bundle.view),
        "length": bundle.preprocessing.length(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("medkd", "torch", "numpy", "polars")}},
        "device": torch.cuda.get_device_name() if plan.device == "cuda" else "cpu",
        "counts": {"items": plan.items, "ok": plan.items - len(rows), "quarantined": len(rows), "chunks": plan.chunks},
        "batch_size": {"asked": plan.batch_size, "smallest": smallest_batch},
        "throughput": {"items": computed, "seconds": round(seconds, 3), "items_per_second": round(computed / seconds, 3)},
        "item_seconds": float(table["seconds"].sum()),
        "hash_key": KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else "this folder's own",
        "quarantined": [
            {
                "item": names.of(str(row["sample_id"])),
                "reason": names.hide(str(row["reason"]), names_of({key: row[key] for key in row if key != "reason"})),
            }
            for row in rows
        ],
    }
    with writing_private(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
