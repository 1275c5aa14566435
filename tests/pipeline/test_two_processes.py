"""One fit over two processes: each sample once, the score of all, one learner; the same as in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

# ``medkd`` as it is typed, noting which samples each process trains on in which epoch, and which it validates.
MEDKD = """
import os, sys
from pathlib import Path
from medkd.cli import main
from medkd.distill.distiller import Distiller
def noting(name):
    step = getattr(Distiller, name)
    def noted(self, batch, index):
        with Path(os.environ["SEEN"], f"{name}-{self.trainer.current_epoch}-{self.global_rank}").open("a") as file:
            file.writelines(f"{sample}\\n" for sample in batch.sample_id)
        assert set(batch.teachers) == ({"teacher"} if name == "training_step" else set())
        return step(self, batch, index)
    setattr(Distiller, name, noted)
noting("training_step")
noting("validation_step")
sys.exit(main())
"""
NETWORK = {
    "class_path": "medkd.networks.gru_d.GruD",
    "init_args": {"channels": 1, "outputs": 1, "width": 4, "dropout": 0.0},
}
TWO = ("--trainer.accelerator", "cpu", "--trainer.strategy", "ddp", "--trainer.devices", "2")


@pytest.fixture(scope="module")
def held(fast_run: Path) -> dict[str, Any]:
    """A student's fit with a network whose sums do not depend on who shares a batch.

    No batch normalisation, no dropout.
    """
    (config,) = fast_run.glob("labels*/seed0/student-fold0/fit.yaml")
    settings: dict[str, Any] = yaml.safe_load(config.read_text())
    settings["model"] |= {"network": NETWORK, "ema": 0.5, "learning_rate": 0.01}
    settings["data"] |= {"augment": False, "label_fraction": 1.0, "unlabelled": False, "batch_size": 12, "steps": 0}
    return settings


def fit(settings: dict[str, Any], folder: Path, *options: str) -> tuple[Path, Path]:
    """The fit's folder, and that of the names that were seen."""
    folder.mkdir()
    (folder / "seen").mkdir()
    trainer = settings["trainer"] | {"default_root_dir": str(folder), "callbacks": [], "max_epochs": 2, "max_steps": -1}
    trainer["logger"] = [
        {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(folder), "version": ""}}
    ]
    (folder / "fit.yaml").write_text(yaml.safe_dump(settings | {"trainer": trainer}))
    (folder / "fit.py").write_text(MEDKD)
    words = [sys.executable, str(folder / "fit.py"), "fit", "--config", str(folder / "fit.yaml"), *options]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "SEEN": str(folder / "seen")}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, folder / "seen"


def names(file: Path) -> list[str]:
    return file.read_text().split()


def score(folder: Path) -> list[float]:
    (file,) = folder.rglob("metrics.csv")
    return pl.read_csv(file)["val/score"].drop_nulls().to_list()


def test_two_processes_share_a_fit(held: dict[str, Any], tmp_path: Path) -> None:
    one, alone = fit(held, tmp_path / "one")
    two, shared = fit(held, tmp_path / "two", *TWO)
    for epoch in (0, 1):
        first, second = (names(shared / f"training_step-{epoch}-{rank}") for rank in (0, 1))
        assert len(first) == len(second)
        assert len({*first, *second}) == len(first) + len(second), "no sample twice in an epoch, in either process"
        assert {*first, *second} == set(names(alone / f"training_step-{epoch}-0"))
        validated = [name for rank in (0, 1) for name in names(shared / f"validation_step-{epoch}-{rank}")]
        assert sorted(validated) == sorted(names(alone / f"validation_step-{epoch}-0"))
    assert score(two) == pytest.approx(score(one), abs=1e-6)
    weights, expected = (load_file(folder / "learner" / "model.safetensors") for folder in (two, one))
    for name, value in expected.items():
        assert (weights[name] - value).abs().max() < 1e-5, name
