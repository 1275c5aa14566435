"""The Python interface: each call does what its command does, with the same results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

from medkd import api
from medkd.cli import main
from medkd.errors import InputError
from medkd.pipeline import distill as pipeline_distill
from medkd.pipeline.recipe import Recipe, load_recipe

FIT = "labels1/seed0/baseline-without-0"


class Handed(Exception):
    """Carries the recipe that a run would have begun with."""


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Recipes that runs would have begun with; none is run."""
    begun: list[Recipe] = []

    def begin(recipe: Recipe, run: Path, jobs: int, registry: Any) -> Any:
        begun.append(recipe)
        raise Handed

    monkeypatch.setattr(pipeline_distill, "begin", begin)
    return begun


@pytest.fixture
def shared_run(fast_run: Path) -> Iterator[Path]:
    """The finished run; its record of what was typed is put back."""
    typed = (fast_run / "command.txt").read_text()
    yield fast_run
    (fast_run / "command.txt").write_text(typed)


@pytest.fixture(scope="module")
def records(fast_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five records of the synthetic cohort as a folder of files."""
    folder = tmp_path_factory.mktemp("records") / "records"
    folder.mkdir()
    for file in sorted((fast_run / "cohort").rglob("0000[1-5]_lr.*")):
        shutil.copyfile(file, folder / file.name)
    return folder


def test_distill_begins_with_the_recipe_that_the_command_begins_with(recipes: list[Recipe]):
    settings = {"student.model.learning_rate": 0.02, "student.view": "ecg[II]", "cohort_options.subjects": 60}
    with pytest.raises(Handed):
        api.distill("ecg_lead", protocol="kfold:3", label_fractions=[0.5, 1], seeds=2, settings=settings)
    words = ["--protocol", "kfold:3", "--labels", "0.5,1", "--seeds", "2", "--student.model.learning_rate", "0.02"]
    main(["distill", "ecg_lead", *words, "--student.view", "ecg[II]", "--cohort_options.subjects", "60"])
    called, typed = recipes
    assert called == typed
    assert called.label_fractions == (0.5, 1.0)
    assert (called.student.view, called.student.model["learning_rate"]) == ("ecg[II]", 0.02)


def test_a_fast_run_is_the_command_s_and_is_found_finished(shared_run: Path):
    before = {file: file.stat().st_mtime_ns for file in shared_run.rglob("*.safetensors")}
    report = api.distill("ecg_lead", cohort="demo_ecg", fast=True, jobs=1, out=shared_run)
    assert {file: file.stat().st_mtime_ns for file in shared_run.rglob("*.safetensors")} == before
    assert report.to_dict() == json.loads((shared_run / "report.json").read_text())
    command = (shared_run / "command.txt").read_text().strip()
    assert command.startswith("medkd.distill('ecg_lead', cohort='demo_ecg'")
    assert "fast=True" in command
    assert "None" not in command


def test_settings_and_label_fractions_reach_a_real_run(tmp_path: Path):
    settings = {"cohort_options.subjects": 60, "controls": [], "evidence.replicates": 50}
    short = {f"{arm}.data.steps": 2 for arm in ("teacher", "student", "baseline")}
    short |= {f"{arm}.trainer.max_epochs": 1 for arm in ("teacher", "student", "baseline")}
    report = api.distill(
        "ecg_lead",
        cohort="demo_ecg",
        protocol="kfold:3",
        seeds=1,
        label_fractions=[0.5],
        out=tmp_path / "run",
        jobs=1,
        settings=settings | short,
    )
    content = json.loads((tmp_path / "run/report.json").read_text())
    assert [entry["label_fraction"] for entry in content["label_efficiency"]] == [0.5]
    assert content["controls"] == {}
    assert report.verdict == content["verdict"]
    assert load_recipe(tmp_path / "run/recipe.yaml").student.data["steps"] == 2
    assert (tmp_path / "run/bundle/SHA256SUMS").is_file()


def test_an_unknown_setting_is_refused_with_the_nearest(tmp_path: Path):
    with pytest.raises(InputError, match=r"Did you mean 'trainer\.max_epochs'"):
        api.distill("ecg_lead", out=tmp_path / "run", settings={"student.trainer.max_epoch": 1})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("as_mapping", [False, True])
def test_a_fit_gives_the_stage_s_weights_and_leaves_its_folder_alone(fast_run: Path, tmp_path: Path, as_mapping: bool):
    file = fast_run / FIT / "fit.yaml"
    before = {path: path.stat().st_mtime_ns for path in (fast_run / FIT).rglob("*")}
    content = yaml.safe_load(file.read_text())
    content["trainer"] |= {"callbacks": None, "logger": False}
    if not as_mapping:
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump(content))
    model = api.fit(content if as_mapping else file, out=tmp_path / "fit")
    expected = load_file(fast_run / FIT / "learner" / "model.safetensors")
    weights = model.network.state_dict()
    assert all(weights[name].equal(value) for name, value in expected.items())
    assert {path: path.stat().st_mtime_ns for path in (fast_run / FIT).rglob("*")} == before
    assert content["trainer"]["default_root_dir"] == str((fast_run / FIT).resolve())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("nowhere.yaml", "no such file"),
        ("torn.yaml", "not YAML"),
        ("list.yaml", "not the configuration of one fit"),
        ({"model": {}}, r"trainer\.default_root_dir"),
        ({"trainer": None}, r"trainer\.default_root_dir"),
    ],
)
def test_a_configuration_that_is_none_is_wrong_input(tmp_path: Path, config: Any, message: str):
    (tmp_path / "torn.yaml").write_text("a: [1")
    (tmp_path / "list.yaml").write_text("- a\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        api.fit(config)
    assert sorted(tmp_path.rglob("*")) == before


def test_predictions_are_the_same_from_disk_and_in_memory(fast_run: Path, records: Path, tmp_path: Path):
    written = api.predict(fast_run / "bundle", records, tmp_path / "scores", devices="cpu")
    assert written.equals(pl.read_parquet(tmp_path / "scores/predictions.parquet"))
    loaded = api.load_bundle(fast_run / "bundle")
    in_memory = loaded.predict(records)
    columns = [name for name in written.columns if name in in_memory.columns and name != "seconds"]
    assert {"sample_id", "status"} < set(columns)
    assert in_memory["reason"].null_count() + (in_memory["reason"] == "").sum() == 5
    one, other = (table.select(columns).sort("sample_id") for table in (written, in_memory))
    assert one["sample_id"].to_list() == other["sample_id"].to_list()
    for name in columns:
        if one[name].dtype.is_float():
            assert (one[name] - other[name]).abs().max() < 1e-4, name
    paths = [records / "00002_lr", records / "00004_lr"]
    assert loaded.predict(paths, root=records)["sample_id"].to_list() == ["00002_lr", "00004_lr"]
    # The working folder, where no root is given: it is not above the records.
    with pytest.raises(InputError, match=rf"is not below {tmp_path} "):
        loaded.predict(paths)


def test_a_bundle_comes_with_its_report_and_is_refused_once_changed(fast_run: Path, tmp_path: Path):
    folder = Path(shutil.copytree(fast_run / "bundle", tmp_path / "bundle"))
    assert api.load_bundle(folder).report.verdict == "invalid"
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        api.load_bundle(folder)


def test_an_evaluation_is_what_its_file_holds(fast_run: Path, tmp_path: Path):
    evaluation = api.evaluate(fast_run / "bundle", "demo_ecg", tmp_path / "external", root=fast_run / "cohort")
    assert evaluation == json.loads((tmp_path / "external/evaluation.json").read_text())
    with pytest.raises(InputError, match="no cohort 'demo_egc'"):
        api.evaluate(fast_run / "bundle", "demo_egc", tmp_path / "other")
