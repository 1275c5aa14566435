"""Names and values of a recipe that are wrong are refused before any work starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medkd import registry
from medkd.cohorts.demo_ecg import DemoECG
from medkd.pipeline.run_setup import open_run
from tests.bad_input.conftest import TEACHER, Refused, files_of

KEYS = [
    ("student.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("teacher.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("baseline.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("student.model.learning_rat", "0.1", "'model.learning_rate'"),
    ("student.model.network.init_args.chanels", "1", "'channels'"),
    ("student.model.network.class_path", "medkd.networks.resnet1d.ResNet", "'ResNet1d'"),
    ("student.model.objectives.soft_labels.init_args.temprature", "2", "'temperature'"),
    ("student.model.weights.soft_label", "1", "'soft_labels'"),
    ("student.model.optimizer", "adam", "'adamw'"),
    ("student.data.batchsize", "32", "'data.batch_size'"),
    ("student.modalities.ecg.init_args.augment_nois", "0.1", "'augment_noise'"),
    ("student.modalities.ecgs.init_args.seconds", "5", "'ecg'"),
    ("student.trianer.max_epochs", "3", "'trainer'"),
    ("studnet.trainer.max_epochs", "3", "'student'"),
    ("evidence.replicate", "3", "'replicates'"),
]


@pytest.mark.parametrize(("key", "value", "near"), KEYS, ids=[key for key, _, _ in KEYS])
def test_an_unknown_key_on_the_command_line(demo: Path, distil: Refused, key: str, value: str, near: str) -> None:
    assert f"Did you mean {near}?" in distil(demo, f"--{key}", value)


@pytest.mark.parametrize(("key", "value", "near"), KEYS, ids=[key for key, _, _ in KEYS])
def test_an_unknown_key_in_the_recipe(
    recipe: Path, tmp_path: Path, refused: Refused, key: str, value: str, near: str
) -> None:
    held: dict[str, Any] = yaml.safe_load(recipe.read_text())
    place = held
    *path, last = key.split(".")
    for name in path:
        place = place.setdefault(name, {})
    place[last] = yaml.safe_load(value)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/recipe.yaml").write_text(yaml.safe_dump(held))
    out = tmp_path / "runs" / "refused"
    assert f"Did you mean {near}?" in refused("distill", tmp_path / "own", "--out", out)
    assert f"Did you mean {near}?" in refused("stage", tmp_path / "own/recipe.yaml", "split/seed0", "--out", out)
    assert not out.parent.exists()


def test_keys_are_refused_before_a_cohort_is_synthesised(distil: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoECG, "synthesise", lambda *_, **__: pytest.fail("work began"))
    assert "max_epochs" in distil(None, "--student.trainer.max_epoch", "3")
    monkeypatch.undo()
    assert "Did you mean 'subjects'?" in distil(None, "--cohort_options.subject", "60")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--student.model.learning_rate", "fast"), "It must be a number"),
        (("--student.trainer.max_epochs", "many"), "a whole number"),
        (("--student.trainer.accelerator", "abacus"), "abacus"),
        (("--student.model.network", "3"), "model.network names no class"),
        (("--student.view.x", "3"), "--student.view.x"),
        (("--student.data.steps", "["), "is not YAML"),
        (("--student.trainer.max_epochs",), "has no value"),
        (("--evidence.metric", "auc"), "Did you mean 'auroc'?"),
        (("--evidence.replicates", "many"), "a whole number of 1 or more"),
        (("--evidence.threshold", "best"), "no threshold rule 'best'"),
        (("--threads", "two"), "unknown option"),
    ],
    ids=[
        "number",
        "whole",
        "constructor",
        "mapping",
        "plain",
        "yaml",
        "no value",
        "metric",
        "replicates",
        "rule",
        "no dots",
    ],
)
def test_a_value_that_does_not_fit(demo: Path, distil: Refused, words: tuple[str, ...], message: str) -> None:
    assert message in distil(demo, *words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not YAML"),
        ("- a", "not a recipe"),
        ("task: x\nstudent: 3\n", "student is 3"),
        ("task: x\n", "no 'cohort'"),
        ("", "not a recipe"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, refused: Refused, text: str, message: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    assert message in refused("distill", tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_key_of_a_fit(run: Path, recipe: Path, refused: Refused) -> None:
    held = open_run(recipe, run, 1, registry).stages[TEACHER].fit_config(run)  # type: ignore[attr-defined]
    file = run / "fit.yaml"
    before = files_of(run)
    for words, near in ((("trainer", "max_epoch"), "trainer.max_epochs"), (("data", "batchsize"), "data.batch_size")):
        file.write_text(yaml.safe_dump(held | {words[0]: held[words[0]] | {words[1]: 3}}))
        assert f"unknown key '{'.'.join(words)}'" in (line := refused("fit", "--config", file))
        assert f"Did you mean '{near}'?" in line
    file.write_text(yaml.safe_dump(held))
    assert "Did you mean 'trainer.max_epochs'?" in refused("fit", "--config", file, "--trainer.max_epoch", "3")
    file.unlink()
    assert files_of(run) == before
