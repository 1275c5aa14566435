"""All stages of a task on a small synthetic cohort.

What is left behind, what is run again, and what a user can repeat by hand.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from medkd.cli import main
from medkd.deploy.bundle.bundle import Bundle
from medkd.pipeline.prepared_cohort import PreparedCohort

FIT = "labels1/seed0/student-fold0"


def again(run: Path, *options: str) -> int:
    return main(["distill", "ecg_lead", "--cohort", "demo_ecg", "--fast", "--jobs", "1", "--out", str(run), *options])


@pytest.fixture
def copy(fast_run: Path, tmp_path: Path) -> Path:
    """The finished run in a folder that a test may spoil."""
    out = tmp_path / "run"
    shutil.copytree(fast_run, out)
    # Recorded paths are absolute, so the copy is prepared afresh; file times are part of what tells a changed record.
    return out


def fitted(run: Path) -> dict[str, int]:
    return {str(file.relative_to(run)): file.stat().st_mtime_ns for file in run.rglob("model.safetensors")}


def test_run_leaves_report_predictions_and_bundle(fast_run: Path) -> None:
    report = json.loads((fast_run / "report.json").read_text())
    assert report["verdict"] == "invalid"
    assert "--fast" in report["sentence"]
    assert all(check["passed"] for check in report["leak_audit"])
    assert set(report["controls"]) == {"shuffled_teacher", "label_only_teacher", "self_teacher"}
    predictions = pl.read_parquet(fast_run / "test_predictions.parquet")
    assert set(predictions["arm"]) == {
        "teacher",
        "baseline",
        "student",
        "shuffled_teacher",
        "label_only_teacher",
        "self_teacher",
    }
    assert (fast_run / "report.html").stat().st_size > 10_000
    bundle = Bundle.load(fast_run / "bundle")
    assert str(bundle.view) == "ecg[I]"


def test_the_bundle_knows_its_samples_and_what_it_was_calibrated_on(fast_run: Path) -> None:
    bundle, inputs = Bundle.load(fast_run / "bundle"), PreparedCohort.load(fast_run)
    assert bundle.conformal is not None
    assert bundle.drift is not None
    rows = pl.read_parquet(fast_run / "evidence" / "predictions.parquet").filter(arm="student", role="val")
    for part, y in (("present", 1), ("absent", 0)):
        place = bundle.conformal.answers("binary").index(part)
        assert bundle.conformal.counts[0, place] == rows.filter(y=y)["subject_id"].n_unique()
    ids = pl.read_parquet(PreparedCohort.samples_file(fast_run))["sample_id"].to_list()
    assert bundle.drift.samples == len(ids)
    stored = inputs.arrays("student")["ecg"]
    values = torch.from_numpy(np.array(stored.values[stored.rows(ids)]))
    ready = bundle.statistics["ecg"].apply(values).numpy()
    drifts = [bundle.drift_of({"ecg": sample[None]}) for sample in ready]
    assert np.mean(np.array(drifts) > 1) <= 0.03
    card = json.loads((fast_run / "bundle" / "card.json").read_text())
    assert card["flow"][0]["reason"] == "samples found"
    assert card["flow"][-1] == {"reason": "samples kept", "count": len(ids)}
    assert card["cohort"]["licence"]
    assert card["participants"]["samples"] == len(ids)
    tested = pl.read_parquet(fast_run / "test_predictions.parquet").filter(arm="student")
    assert card["coverage"]["n"] == tested.height


def test_finished_stages_are_not_run_again(fast_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = fitted(fast_run)
    assert again(fast_run) == 0
    assert fitted(fast_run) == before
    assert "nothing to run again" in capsys.readouterr().out


def test_only_what_depends_on_a_change_is_run_again(copy: Path) -> None:
    assert again(copy) == 0
    before = fitted(copy)
    assert again(copy, "--student.model.weights.soft_labels", "0.5") == 0
    changed = {name for name, time in fitted(copy).items() if before.get(name) != time}
    assert changed
    assert all("student" in name or "_teacher-fold" in name or "bundle" in name for name in changed)
    assert not any("/teacher-without" in name or "/baseline-without" in name for name in changed)


def test_printed_command_gives_the_same_weights(fast_run: Path, tmp_path: Path) -> None:
    marker = json.loads((fast_run / "stages" / f"{FIT}.done.json").read_text())
    words = shlex.split(marker["command"])
    assert words[:2] == ["medkd", "fit"]
    assert (
        main(
            [
                *words[1:],
                "--trainer.default_root_dir",
                str(tmp_path),
                "--trainer.callbacks",
                "null",
                "--trainer.logger",
                "false",
            ]
        )
        == 0
    )
    by_hand = load_file(tmp_path / "learner" / "model.safetensors")
    by_stage = load_file(fast_run / FIT / "learner" / "model.safetensors")
    assert all(by_stage[name].equal(by_hand[name]) for name in by_stage)


def test_a_stage_is_repeated_by_name(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(copy) == 0
    before = load_file(copy / FIT / "learner" / "model.safetensors")
    assert main(["stage", str(copy / "recipe.yaml"), FIT, "--out", str(copy)]) == 0
    after = load_file(copy / FIT / "learner" / "model.safetensors")
    assert all(before[name].equal(after[name]) for name in before)
    assert main(["stage", str(copy / "recipe.yaml"), "labels1/seed0/student-fol0", "--out", str(copy)]) == 2
    assert f"Did you mean '{FIT}'?" in capsys.readouterr().err


def test_edited_split_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = copy / "split" / "seed0" / "split.json"
    held = json.loads(split.read_text())
    held["rows"]["fold"][0] = (held["rows"]["fold"][0] + 1) % 3
    split.write_text(json.dumps(held))
    (copy / "stages" / f"{FIT}.done.json").unlink()
    assert again(copy) == 2
    assert "split" in capsys.readouterr().err


def test_progress_is_quiet_when_not_a_terminal(fast_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(fast_run) == 0
    assert capsys.readouterr().err == ""


def test_logs_are_csv_and_tensorboard(fast_run: Path) -> None:
    logged = pl.read_csv(fast_run / FIT / "logs" / "metrics.csv")
    assert {"train/loss", "train/soft_labels/kd", "val/score"} <= set(logged.columns)
    assert any(name.startswith("events.out.tfevents") for name in os.listdir(fast_run / FIT / "tensorboard"))
