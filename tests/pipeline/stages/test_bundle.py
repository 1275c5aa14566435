"""Bundle stage: what its calibration is fitted on, and what it must not depend on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkd.distill.learner import learner_sha256
from medkd.pipeline.stages.stage import Stage

Bundled = Callable[..., dict[str, Any]]
NOT_OURS = (pl.col("arm") != "student") | (pl.col("role") == "test")


@pytest.fixture
def bundled(stages: dict[str, Stage], rerun: Path) -> Bundled:
    """``bundled(logit=EXPRESSION)``: a bundle's calibration after its run's predictions were changed so."""

    def make(**changed: pl.Expr) -> dict[str, Any]:
        file = rerun / "evidence" / "predictions.parquet"
        pl.read_parquet(file).with_columns(**changed).write_parquet(file)
        stage = replace(stages["bundle"], name=f"bundle{len(list(rerun.glob('bundle*')))}")
        stage.run(rerun)
        content: dict[str, Any] = json.loads((stage.folder(rerun) / "calibration.json").read_text())
        return content

    return make


def test_test_folds_and_other_arms_do_not_reach_the_calibration(bundled: Bundled, fast_run: Path):
    before = json.loads((fast_run / "bundle" / "calibration.json").read_text())
    flipped = pl.when(NOT_OURS).then(-3 * pl.col("logit")).otherwise(pl.col("logit"))
    assert bundled(logit=flipped) == before


def test_the_student_s_inner_validation_does(bundled: Bundled, fast_run: Path):
    before = json.loads((fast_run / "bundle" / "calibration.json").read_text())
    # Logits twice as large need twice the temperature, and the threshold on probabilities stays.
    after = bundled(logit=pl.when(NOT_OURS).then(pl.col("logit")).otherwise(2 * pl.col("logit")))
    assert after["temperature"] == pytest.approx(2 * before["temperature"], rel=1e-3)
    assert after["threshold"] != before["threshold"]


def test_the_weights_are_those_of_the_student_that_holds_nothing_out(fast_run: Path):
    refit = fast_run / "labels1/seed0/student-refit/learner"
    assert (fast_run / "bundle/model.safetensors").read_bytes() == (refit / "model.safetensors").read_bytes()
    assert learner_sha256(refit) != learner_sha256(fast_run / "labels1/seed0/student-fold0/learner")


def test_a_bundle_holds_no_sample_and_no_subject(fast_run: Path):
    samples = pl.read_parquet(fast_run / "samples.parquet")
    names = {name for name in (*samples["sample_id"], *samples["ecg"]) if len(name) > 3}
    for file in (fast_run / "bundle").iterdir():
        text = file.read_bytes()
        assert not [name for name in names if f'"{name}"'.encode() in text], file.name
