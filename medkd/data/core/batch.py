"""Batch: the samples of one optimiser step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.data.core.target import Target


@dataclass
class Batch:
    """Samples of one step: the signals of each model, labels, and banked teachers' outputs.

    Args:
        views: model ("model", or the name of a live teacher) → modality → signal.
        presence: model → modality → "batch" bool, False where the sample lacks that modality.
        targets: "batch column" float; a multiclass target is one column of class indices; 0 where unlabelled.
        labelled: "batch column" bool.
        target: meaning of the columns.
        sample_id, subject_id, site: one per sample.
        teachers: banked outputs by teacher name, un-augmented view, no gradient.
    """

    views: Mapping[str, Mapping[str, Signal]]
    presence: Mapping[str, Mapping[str, Tensor]]
    targets: Tensor
    labelled: Tensor
    target: Target
    sample_id: list[str]
    subject_id: list[str]
    site: list[str] = field(default_factory=list)
    teachers: Mapping[str, Output] = field(default_factory=dict)

    @property
    def signals(self) -> Mapping[str, Signal]:
        """The signals of the model that is fitted."""
        return self.views["model"]

    def __len__(self) -> int:
        return len(self.sample_id)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same batch on another device."""
        return replace(
            self,
            views={
                model: {name: signal.to(device, non_blocking) for name, signal in view.items()}
                for model, view in self.views.items()
            },
            presence={
                model: {name: present.to(device, non_blocking=non_blocking) for name, present in view.items()}
                for model, view in self.presence.items()
            },
            targets=self.targets.to(device, non_blocking=non_blocking),
            labelled=self.labelled.to(device, non_blocking=non_blocking),
            teachers={name: output.to(device, non_blocking) for name, output in self.teachers.items()},
        )
