"""Random state: what is drawn after a resume is what would have been drawn."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medkd.distill.random_state import RandomStateCheckpoint


def draws() -> list[Any]:
    return [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.gauss(0, 1), np.random.standard_normal()]


def restore(callback: RandomStateCheckpoint) -> None:
    callback.on_train_batch_start(None, None, None, 0)  # type: ignore[arg-type]


def test_all_generators_continue_where_the_checkpoint_was_saved(tmp_path: Path) -> None:
    draws()
    torch.save(RandomStateCheckpoint().state_dict(), tmp_path / "state.ckpt")
    expected = draws()
    draws()
    resumed = RandomStateCheckpoint()
    resumed.load_state_dict(torch.load(tmp_path / "state.ckpt", weights_only=True))
    assert draws() != expected, "nothing changes before the first step"
    restore(resumed)
    assert draws() == expected


def test_the_state_is_restored_once() -> None:
    callback = RandomStateCheckpoint()
    callback.load_state_dict(callback.state_dict())
    restore(callback)
    first = draws()
    restore(callback)
    assert draws() != first
