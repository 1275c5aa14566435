"""Scores are those of a fitted model, and a checkpoint that is asked for is there or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

from medkd.cli import main


@pytest.fixture
def fitted(fast_run: Path, tmp_path: Path) -> Path:
    """``fit.yaml`` of a copy of a finished fit, with that fit's own loggers and checkpoints."""
    source = next(fast_run.glob("labels*/seed0/student-fold0"))
    folder = Path(shutil.copytree(source, tmp_path / "fit"))
    config = folder / "fit.yaml"
    written = yaml.safe_load(config.read_text())["trainer"]["default_root_dir"]
    config.write_text(
        config.read_text().replace(f"{written}\n", f"{folder}\n").replace(f"{written}/ch", f"{folder}/ch")
    )
    return config


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def score(config: Path, name: str) -> float:
    """What ``validate`` or ``test`` left in its log."""
    table = pl.read_csv(config.parent / "logs" / name / "metrics.csv")
    return float(table[f"{'val' if name == 'validate' else 'test'}/score"].drop_nulls()[-1])


@pytest.mark.parametrize("name", ["validate", "test"])
def test_the_fitted_model_is_scored_and_the_fit_stays_as_it_was(
    fitted: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(fitted.parent)
    assert main([name, "--config", str(fitted)]) == 0
    first = score(fitted, name)
    assert {path: content for path, content in files(fitted.parent).items() if path in before} == before
    assert main([name, "--config", str(fitted), "--seed_everything", "77"]) == 0
    # An untrained network's score would depend on its seed.
    assert score(fitted, name) == first
    if name == "validate":
        fit = pl.read_csv(fitted.parent / "logs" / "metrics.csv")["val/score"].drop_nulls()
        assert first == pytest.approx(fit[-1], abs=1e-6)
    learner = fitted.parent / "learner"
    shutil.move(learner, fitted.parent / "elsewhere")
    assert main([name, "--config", str(fitted)]) == 2
    said = capsys.readouterr().err
    assert "there is no fitted model to score" in said
    assert "--ckpt_path FILE" in said


def test_a_fitted_model_of_another_configuration_is_refused(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--config", str(fitted), "--model.network.init_args.dropout", "0.25"]) == 2
    assert "another network than this configuration" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fit", "validate", "test"])
@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ("last", "there is no last checkpoint"),
        ("best", "'best' names no checkpoint"),
        ("gone.ckpt", "no such checkpoint"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused(
    fitted: Path, name: str, checkpoint: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(fitted.parent)
    assert main([name, "--config", str(fitted), "--ckpt_path", checkpoint]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert files(fitted.parent) == before


def test_a_checkpoint_that_is_there_is_used(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = yaml.safe_load(fitted.read_text())
    settings["trainer"]["callbacks"][0]["init_args"] |= {"train_time_interval": None, "every_n_epochs": 1}
    fitted.write_text(yaml.safe_dump(settings))
    assert main(["fit", "--config", str(fitted)]) == 0
    last = fitted.parent / "checkpoints" / "last.ckpt"
    assert last.is_file()
    shutil.rmtree(fitted.parent / "learner")
    for checkpoint in ("last", str(last)):
        assert main(["validate", "--config", str(fitted), "--ckpt_path", checkpoint]) == 0
    content = torch.load(last, weights_only=True)
    content["state_dict"] = {f"other.{name}": value for name, value in content["state_dict"].items()}
    torch.save(content, last)
    assert main(["validate", "--config", str(fitted), "--ckpt_path", "last"]) == 2
    assert "the checkpoint is of another network" in capsys.readouterr().err
