"""One number a validation epoch: how well the samples are ranked, or how near the values are."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, multiclass_auroc

from medkd.data.core.target import Target


def validation_score(logits: Tensor, targets: Tensor, labelled: Tensor, target: Target) -> Tensor:
    """AUROC (mean over classes that occur) or, for values, minus the RMSE; more is better; NaN where it is undefined.

    Args:
        logits: "sample output".
        targets, labelled: "sample column".
        target: what they mean.
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
