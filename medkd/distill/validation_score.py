"""Validation metric: one number per epoch, by which the best checkpoint and a tuning trial are chosen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, multiclass_auroc

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target


def validation_score(logits: Tensor, targets: Tensor, labelled: Tensor, target: Target) -> Tensor:
    """AUROC (mean over classes that occur) or, for values, minus the RMSE; more is better; NaN where it is undefined.

    Args:
        logits: "sample output".
        targets, labelled: "sample column".
        target: meaning of the columns.

    >>> logits, labels = torch.tensor([[-1.0], [2.0], [1.0]]), torch.tensor([[0.0], [1.0], [0.0]])
    >>> validation_score(logits, labels, torch.ones(3, 1, dtype=torch.bool), Target("ill", "binary", ("ill",)))
    tensor(1.)
    """
    if target.kind == "multiclass":
        known = labelled[:, 0]
        return multiclass_auroc(logits[known], targets[known, 0].long(), num_classes=target.outputs)
    if target.kind in ("regression", "forecast"):
        return -(logits - targets)[labelled].square().mean().sqrt()
    scores = []
    for column in range(logits.shape[1]):
        known = labelled[:, column]
        truth = targets[known, column].long()
        if 0 < int(truth.sum()) < len(truth):
            scores.append(binary_auroc(logits[known, column], truth))
    return torch.stack(scores).mean() if scores else torch.tensor(float("nan"))


class EpochOutputs:
    """Logits and labels of one epoch's evaluation, collected batch by batch and over processes."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, output: Output, batch: Batch) -> None:
        """Keep one batch."""
        self._parts.append((output.logits.detach().cpu(), batch.targets.cpu(), batch.labelled.cpu()))
        self._target = batch.target

    def score(self, processes: int) -> Tensor:
        """The score over all samples of all processes; nothing is kept afterwards."""
        parts = self._parts
        if processes > 1:
            gathered: list[Any] = [None] * processes
            torch.distributed.all_gather_object(gathered, parts)
            parts = [part for process in gathered for part in process]
        logits, targets, labelled = (torch.cat(columns) for columns in zip(*parts, strict=True))
        self._parts.clear()
        return validation_score(logits, targets, labelled, self._target)
