"""Boosted trees through all stages: as teacher, baseline and student, and as teacher of a network."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from medkd.cli import main
from medkd.deploy.bundle.bundle import Bundle
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FittedModel
from medkd.pipeline.prepared_cohort import PreparedCohort

FIT = "labels1/seed0/student-fold0"
BEAT = {"ecg": {"init_args": {"representation": "median_beat"}}}
TREES = {
    "class_path": "medkd.distill.trees.TreeLearner",
    "init_args": {"num_boost_round": 40, "min_data_in_leaf": 5, "feature_fraction": 0.1},
}
NETWORK = {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": {"channels": 1, "variant": "small"}}


def task(folder: Path, student: dict[str, Any], **changes: Any) -> Path:
    recipe = {
        "task": "trees",
        "cohort": "demo_ecg",
        "cohort_options": {"subjects": 60},
        "teacher": {"view": "ecg", "modalities": BEAT, "model": {"learner": TREES}},
        "student": {"view": "ecg[I]", "modalities": BEAT, **student},
        "controls": ["label_only_teacher", "self_teacher"],
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return folder


def distil(folder: Path, run: Path, *options: str) -> int:
    return main(["distill", str(folder), "--fast", "--jobs", "1", "--out", str(run), *options])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trees throughout; read only."""
    folder = tmp_path_factory.mktemp("trees")
    learner = {**TREES, "init_args": {**TREES["init_args"], "members": 2, "distilled_members": 1}}
    assert distil(task(folder / "task", {"model": {"learner": learner}}), folder / "run") == 0
    return folder / "run"


def test_all_stages_are_left_behind(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert report["verdict"] == "invalid"
    assert [check for check in report["leak_audit"] if not check["passed"]] == []
    assert set(pl.read_parquet(run / "test_predictions.parquet")["arm"]) == {
        "teacher",
        "baseline",
        "student",
        "label_only_teacher",
        "self_teacher",
    }
    assert (run / "report.html").stat().st_size > 10_000


def test_baseline_and_student_have_the_same_members_and_the_fast_rounds(run: Path) -> None:
    for fit in (FIT, "labels1/seed0/baseline-without-0"):
        text = (run / fit / "learner" / "model.txt").read_text()
        assert text.count("# booster output=0 ") == 2
        assert text.count("\nTree=") == 2 * 20


def test_the_bundle_holds_the_text_and_predict_scores_with_it(run: Path, tmp_path: Path) -> None:
    held = {path.name for path in (run / "bundle").iterdir()}
    assert "model.txt" in held
    assert "model.safetensors" not in held
    assert "model.txt" in (run / "bundle" / "SHA256SUMS").read_text()
    assert (
        main(
            ["predict", str(run / "bundle"), str(run / "cohort"), "--out", str(tmp_path / "scored"), "--devices", "cpu"]
        )
        == 0
    )
    inputs, bundle = PreparedCohort.load(run), Bundle.load(run / "bundle")
    known = pl.read_parquet(PreparedCohort.samples_file(run)).select("sample_id")
    scored = pl.read_parquet(tmp_path / "scored" / "predictions.parquet").join(known, on="sample_id")
    assert scored.height == known.height
    assert set(scored["status"]) == {"ok"}
    learner = FittedModel.load(run / "labels1" / "seed0" / "student-refit" / "learner")
    logits = learner.predict(inputs.arrays("student"), scored["sample_id"].to_list()).logits
    name = bundle.target.names[0]
    np.testing.assert_allclose(scored[f"p_{name}"], bundle.target.probabilities(logits)[:, 0], atol=1e-5)
    assert scored[f"p_{name}"].n_unique() > 10


def test_finished_fits_are_not_run_again_and_the_printed_command_repeats_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.rglob("model.txt")}
    assert distil(run.parent / "task", run, "--student.model.learner.init_args.members", "2") == 0
    assert "nothing to run again" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in run.rglob("model.txt")} == before
    command = json.loads((run / "stages" / f"{FIT}.done.json").read_text())["command"]
    weights = run / FIT / "learner" / "model.txt"
    content = weights.read_bytes()
    assert main(shlex.split(command)[1:]) == 0
    assert weights.stat().st_mtime_ns != before[weights]
    assert weights.read_bytes() == content


def test_a_student_of_trees_learns_what_its_bank_says(run: Path) -> None:
    """Its first member's training answers follow the bank, more closely than those of the member that learns labels."""
    bank = TeacherBank.open(run / "labels1" / "seed0" / "bank-teacher-fold0" / "bank")
    ids = bank.index["sample_id"].to_list()
    said = bank.rows(ids).logits[:, 0]
    learner = FittedModel.load(run / FIT / "learner")
    taught, labelled = learner.network._boosters[0]
    found = []
    for member in (taught, labelled):
        learner.network.grow([[member]])
        answers = learner.predict(PreparedCohort.load(run).arrays("student"), ids).logits[:, 0]
        found.append(np.corrcoef(answers, said)[0, 1])
    assert found[0] > 0.5
    assert found[0] > found[1]


def test_trees_teach_a_network(tmp_path: Path) -> None:
    student = {
        "model": {
            "network": NETWORK,
            "objectives": {"kd": {"class_path": "medkd.objectives.soft_labels.SoftLabels"}},
        },
        "data": {"batch_size": 8},
    }
    folder = task(tmp_path / "task", student, controls=["shuffled_teacher"])
    assert distil(folder, tmp_path / "run") == 0
    assert (tmp_path / "run" / "labels1" / "seed0" / "teacher-without-0" / "learner" / "model.txt").is_file()
    assert (tmp_path / "run" / "bundle" / "model.safetensors").is_file()
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(report["arms"]) >= {"teacher", "baseline", "student"}
    assert all(check["passed"] for check in report["leak_audit"])


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"learner": {"init_args": {"num_boost_round": 5}}}, "model.learner names no class"),
        ({"learner": TREES, "network": NETWORK}, "both a learner and 'network'"),
        ({"learner": {**TREES, "init_args": {"num_boost_round": 0}}}, r"num_boost_round is 0 .*model\.learner"),
        ({"learner": {**TREES, "init_args": {"round": 5}}}, r"'round'|round"),
        ({"learner": {**TREES, "class_path": "medkd.distill.trees.TreeLerner"}}, "TreeLearner"),
        ({"learner": {**TREES, "class_path": "medkd.networks.trees.Trees"}}, "TreeLearner"),
    ],
)
def test_a_learner_that_cannot_be_made_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: dict[str, Any], says: str
) -> None:
    assert distil(task(tmp_path / "task", {"model": model}), tmp_path / "run") == 2
    told = capsys.readouterr().err
    assert "recipe, student" in told
    assert pl.Series([told]).str.contains(says)[0], told
    assert not (tmp_path / "run").exists()
