"""A fit stage that was killed goes on from its own last checkpoint, to bitwise the same weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import medkd.tasks
from medkd import registry
from medkd.data.core.batch import Batch
from medkd.distill.distiller import Distiller
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import begin, open_run
from medkd.pipeline.stages import fit as fit_stage

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
NAME = "labels0.5/seed0/baseline-without-0"
OPTIONS = [
    *("cohort_options.subjects=60", "student.data.batch_size=8", "teacher.data.batch_size=8"),
    *("baseline.data.steps=6", "baseline.trainer.max_epochs=2", "baseline.model.ema=0.9"),
]
TOTAL, KILLED_AT = 12, 8

# The stage's own checkpoints, taken at every step instead of every twenty seconds; the process kills itself before step
# 8 of 12.
KILLER = f"""
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from lightning.pytorch.callbacks import ModelCheckpoint
from medkd.distill.distiller import Distiller
from medkd import registry
from medkd.pipeline.run_setup import open_run
setup = ModelCheckpoint.setup
def often(self, *arguments, **named):
    assert self._train_time_interval == timedelta(seconds=20)
    self._train_time_interval = timedelta(microseconds=1)
    setup(self, *arguments, **named)
def kill(self, batch, batch_idx):
    if self.global_step == {KILLED_AT}:
        os.kill(os.getpid(), signal.SIGKILL)
Distiller.on_train_batch_start = kill
run = Path(sys.argv[1])
stage = open_run(run / "recipe.yaml", run, 1, registry).stages["{NAME}"]
ModelCheckpoint.setup = often
stage.execute(run)
"""


def test_a_killed_fit_stage_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    graph = begin(load_recipe(TASK, OPTIONS, protocol="kfold:3", seeds=1, label_fractions=(0.5,)), run, 1, registry)
    graph.stages["split/seed0"].execute(run)
    stage = graph.stages[NAME]
    assert isinstance(stage, fit_stage.FitStage)

    died = subprocess.run([sys.executable, "-c", KILLER, str(run)], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr.decode()[-2000:]
    assert not stage.learner(run).exists()
    (last,) = (stage.folder(run) / "checkpoints").iterdir()
    assert torch.load(last, weights_only=True)["global_step"] == KILLED_AT

    steps: list[int] = []
    step = Distiller.training_step

    def counted(self: Distiller, batch: Batch, index: int) -> Tensor:
        steps.append(index)
        return step(self, batch, index)

    monkeypatch.setattr(Distiller, "training_step", counted)
    resumed = open_run(run / "recipe.yaml", run, 1, registry).stages[NAME]
    resumed.execute(run)
    assert len(steps) == TOTAL - KILLED_AT
    found = load_file(stage.learner(run) / "model.safetensors")
    assert not (stage.folder(run) / "checkpoints").exists()

    stage.execute(run)
    assert len(steps) == TOTAL - KILLED_AT + TOTAL
    expected = load_file(stage.learner(run) / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)
