"""A fit that was killed goes on to bitwise the same weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from medkd.pipeline.lightning_cli import run_lightning

# Kills its own process with SIGKILL once so many steps were made; only a checkpoint already on disk survives.
KILLER = """
import os, signal, sys
from lightning.pytorch import Callback
from medkd.distill.distiller import Distiller
from medkd.pipeline.lightning_cli import run_lightning
steps = int(sys.argv[2])
original = Distiller.on_train_batch_start if hasattr(Distiller, "on_train_batch_start") else None
def kill(self, batch, batch_idx):
    if self.global_step == steps:
        os.kill(os.getpid(), signal.SIGKILL)
Distiller.on_train_batch_start = kill
run_lightning(["fit", "--config", sys.argv[1]])
"""


def checkpoints(folder: Path, **when: int) -> dict[str, Any]:
    settings = {"dirpath": str(folder / "checkpoints"), "save_last": True, "save_top_k": -1, **when}
    return {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": settings}


@pytest.mark.parametrize(
    ("when", "killed_at"),
    [({"every_n_epochs": 1, "save_on_train_epoch_end": True}, 9), ({"every_n_train_steps": 4}, 6)],
    ids=["at an epoch's end", "mid-epoch"],
)
def test_killed_fit_resumes_to_the_same_weights(
    fit_config: Any, tmp_path: Path, when: dict[str, int], killed_at: int
) -> None:
    shorter = {"max_epochs": 3}
    data = {"steps": 6, "augment": True}
    model = {"ema": 0.9}
    whole = fit_config("labels0.5/seed0/baseline-without-0", "whole", trainer=shorter, data=data, model=model)
    run_lightning(["fit", "--config", str(whole)])

    callbacks = [checkpoints(tmp_path / "killed", **when)]
    killed = fit_config(
        "labels0.5/seed0/baseline-without-0",
        "killed",
        trainer=shorter | {"callbacks": callbacks},
        data=data,
        model=model,
    )
    died = subprocess.run([sys.executable, "-c", KILLER, str(killed), str(killed_at)], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr.decode()[-2000:]
    assert not (tmp_path / "killed" / "learner").exists()
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    run_lightning(["fit", "--config", str(killed), "--ckpt_path", str(last)])

    expected = load_file(tmp_path / "whole" / "learner" / "model.safetensors")
    found = load_file(tmp_path / "killed" / "learner" / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)
