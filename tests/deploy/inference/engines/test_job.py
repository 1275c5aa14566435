"""A worker computes with the bundle that the run began with, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.deploy.inference.chunks import Chunk
from medkd.deploy.inference.engines.job import ChunkSummary, Job
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult
from medkd.deploy.inference.settings import PredictSettings
from medkd.errors import InputError


@pytest.fixture
def job(bundle_folder: Path, tmp_path: Path) -> Job:
    plan = Plan(
        bundle_sha256=Bundle.load(bundle_folder).bundle_sha256, items_sha256="", items=0, batch_size=4, device="cpu"
    )
    return Job(bundle_folder, plan, Items(pl.DataFrame(), tmp_path, "files"), tmp_path / "out", PredictSettings())


def test_a_copy_elsewhere_is_the_same_bundle_and_one_changed_word_is_not(job: Job, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(job.bundle, tmp_path / "elsewhere"))
    elsewhere = replace(job, bundle=copy)
    known = job.load("cpu").network.state_dict()
    for name, weight in elsewhere.load("cpu").network.state_dict().items():
        assert torch.equal(weight, known[name])
    (copy / "CARD.md").write_text("another page", encoding="utf-8")
    write_sums(copy)
    Bundle.load(copy)  # whole in itself
    with pytest.raises(InputError, match="not the bundle that the run began with"):
        elsewhere.load("cpu")


def test_the_runtime_is_the_plans_and_the_trust_the_settings(job: Job, tmp_path: Path) -> None:
    onnx = replace(job, plan=job.plan.model_copy(update={"runtime": "onnx"}))
    assert type(onnx.load("cpu").network).__name__ == "OnnxNetwork"
    asked = replace(job, settings=PredictSettings(require_signed=tmp_path / "public.pem"))
    with pytest.raises(InputError, match=r"public\.pem"):
        asked.load("cpu")


def test_a_summary_names_those_set_aside_and_carries_no_score() -> None:
    results = [
        ItemResult("whole", [0.123456], [0.2], 0.1),
        ItemResult("broken", [float("nan")], [float("nan")], 0.1, reason="lead I is flat."),
    ]
    summary = ChunkSummary.of_chunk(Chunk(3, results, batch_size=2, retries=5))
    assert summary == ChunkSummary(index=3, items=2, quarantined=("broken",), batch_size=2)
    assert "0.123456" not in repr(summary)
