"""A batch: the model's own signals, its length, and its way to another device."""

from __future__ import annotations

import torch

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.signal import Signal
from medkd.data.core.target import Target


def batch() -> Batch:
    mask = torch.ones(3, 1, 4, dtype=torch.bool)
    return Batch(
        views={"model": {"ecg": Signal(torch.ones(3, 1, 4), mask)}, "teacher": {"ecg": Signal(torch.ones(3, 12, 4))}},
        presence={"model": {"ecg": torch.ones(3, dtype=torch.bool)}, "teacher": {}},
        targets=torch.zeros(3, 1),
        labelled=torch.ones(3, 1, dtype=torch.bool),
        target=Target("cd", "binary", ("cd",)),
        sample_id=["a", "b", "c"],
        subject_id=["p", "p", "q"],
        teachers={"teacher": Output(torch.zeros(3, 1), embedding=torch.zeros(3, 2))},
    )


def test_signals_are_those_of_the_fitted_model() -> None:
    assert batch().signals["ecg"].values.shape == (3, 1, 4)
    assert len(batch()) == 3


def test_every_tensor_moves_and_ids_stay() -> None:
    moved = batch().to("meta")
    tensors = [moved.targets, moved.labelled, moved.presence["model"]["ecg"], moved.teachers["teacher"].logits]
    tensors += [signal.values for view in moved.views.values() for signal in view.values()]
    tensors += [moved.signals["ecg"].mask, moved.teachers["teacher"].embedding]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.sample_id, moved.subject_id) == (["a", "b", "c"], ["p", "p", "q"])
    assert batch().targets.device.type == "cpu"
