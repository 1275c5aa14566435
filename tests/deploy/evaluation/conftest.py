"""Runs whose predictions are simulated, so that the right answer is known."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.deploy.evaluation.evaluate import evaluate_outcomes
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.deploy.inference.plan import Plan

CD = Target("cd", "binary", ("cd",), ("conduction disturbance",))
Simulated = Callable[..., Path]


def outcomes_of(folder: Path, run: Path, y: np.ndarray, **columns: Any) -> Path:
    ids = pl.read_parquet(run / "predictions.parquet")["sample_id"]
    path = folder / "outcomes.csv"
    pl.DataFrame({"sample_id": ids, "outcome": y, **columns}).write_csv(path)
    return path


def write_run(
    folder: Path,
    raw: Any,
    *,
    calibrated: Any = None,
    target: Target = CD,
    ids: list[str] | None = None,
    aside: tuple[str, ...] = (),
) -> Path:
    """What a finished run leaves in ``folder``, from probabilities."""
    raw = np.asarray(raw, dtype=np.float64).reshape(-1, target.outputs)
    calibrated = raw if calibrated is None else np.asarray(calibrated, dtype=np.float64).reshape(raw.shape)
    names = ids or [f"item-{place:05d}" for place in range(len(raw))]
    folder.mkdir()
    columns = {f"p_{name}": raw[:, place] for place, name in enumerate(target.names)}
    columns |= {f"p_cal_{name}": calibrated[:, place] for place, name in enumerate(target.names)}
    silent = [
        ["conduction disturbance", "not conduction disturbance", "abstains"][place % 3] for place in range(len(raw))
    ]
    table = pl.DataFrame(
        {
            "sample_id": names,
            **columns,
            "set": silent,
            "drift": [1.5 if place % 10 == 0 else 0.5 for place in range(len(raw))],
        }
    )
    table.with_columns(model_sha256=pl.lit("b" * 64), seconds=pl.lit(0.1), status=pl.lit("ok")).write_parquet(
        folder / "predictions.parquet"
    )
    pl.DataFrame(
        {"item": list(aside), "reason": ["broken"] * len(aside)},
        schema=dict.fromkeys(("item", "reason"), pl.String),
    ).write_csv(folder / "quarantine.csv")
    count = len(raw) + len(aside)
    plan = Plan(bundle_sha256="a" * 64, items_sha256="", items=count, batch_size=32, device="cpu")
    record = {
        "schema_version": 1,
        "plan": plan.model_dump(),
        "bundle_sha256": plan.bundle_sha256,
        "model_sha256": "b" * 64,
        "predictions_sha256": "c" * 64,
        "source": "folder",
        "target": target.key,
        "target_config": target.to_dict(),
        "threshold": dict.fromkeys(target.names, None if target.is_categorical or target.kind == "regression" else 0.3),
        "view": "ecg[I]",
        "length": {},
        "engine": "local",
        "runtime": "torch",
        "precision": 32,
        "device": "cpu",
        "versions": {"medkd": "0"},
        "counts": {"items": len(raw) + len(aside), "ok": len(raw), "quarantined": len(aside), "chunks": 1},
        "retries": 0,
        "batch_size": {"asked": 32, "smallest": 32},
        "throughput": {"items": len(raw), "seconds": 1.0, "items_per_second": float(len(raw))},
        "item_seconds": 1.0,
        "hash_key": "",
        "signed_by": None,
        "quarantined": [],
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def simulated_run(tmp_path: Path) -> Simulated:
    """Writes a run (see ``write_run``) into the test's own folder."""
    return partial(write_run, tmp_path / "run")


@pytest.fixture(scope="session")
def _evaluation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("evaluation")
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 200)
    run = write_run(folder / "run", p)
    path = outcomes_of(folder, run, (rng.random(200) < p).astype(int), time=["2025-01-15"] * 200)
    evaluate_outcomes(run, path, folder / "out", EvaluateSettings(fast=True, recalibrate="0.3"))
    document: dict[str, Any] = json.loads((folder / "out" / "evaluation.json").read_text())
    return document


@pytest.fixture
def evaluation(_evaluation: dict[str, Any]) -> dict[str, Any]:
    """A whole evaluation of 200 samples of one month, recalibrated on some of them; the test's own to change."""
    return copy.deepcopy(_evaluation)
