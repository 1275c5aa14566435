"""A teacher that runs live beside its student, and never learns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.distill.learner import FittedModel, learner_sha256


class FrozenTeacher:
    """A saved learner in eval mode, without gradients. Not a module of the student.

    No ``train()`` reaches its BatchNorm.

    Args:
        folder: of the saved learner.
    """

    def __init__(self, folder: Path) -> None:
        self.sha256 = learner_sha256(folder)
        self.learner = FittedModel.load(folder)
        self.learner.network.eval().requires_grad_(False)

    def to(self, device: torch.device) -> None:
        """Move its network to the student's device."""
        self.learner.network.to(device)

    def __call__(self, signals: Mapping[str, Signal]) -> Output:
        """Its answers on the student's own augmentation."""
        with torch.no_grad():
            output: Output = self.learner.network(signals)
        return output
