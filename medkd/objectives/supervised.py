"""Supervised loss: the labels, where there are any."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.data.core.target import Kind, Target
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

TERM: dict[Kind, str] = {
    "binary": "bce",
    "multilabel": "bce",
    "mask": "bce",
    "multiclass": "ce",
    "regression": "mse",
    "forecast": "mse",
}
"""The loss that each kind of target is fitted with."""


@full_precision
def supervised(
    logits: Tensor, targets: Tensor, labelled: Tensor, kind: Kind, pos_weight: Tensor | None = None
) -> Tensor:
    """The mean loss over labelled entries; zero, with its graph intact, where nothing is labelled.

    Binary cross-entropy for binary, multi-label and mask targets, cross-entropy for classes (both in nats), squared
    error for regression and forecast (in the target's units, squared).

    Args:
        logits: "batch output".
        targets: "batch column"; a multi-class target is one column of class indices. Unlabelled entries may hold
            anything.
        labelled: "batch column" bool.
        kind: of the target.
        pos_weight: binary kinds only: how much more a positive entry counts, a scalar or one per column.

    >>> supervised(torch.zeros(2, 1), torch.tensor([[1.0], [0.0]]), torch.tensor([[True], [False]]), "binary")
    tensor(0.6931)
    """
    targets = torch.where(labelled, targets, 0).to(logits.dtype)
    if TERM[kind] == "bce":
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=pos_weight)
    elif TERM[kind] == "ce":
        losses = functional.cross_entropy(logits, targets[:, 0].long(), reduction="none").unsqueeze(1)
    else:
        losses = (logits - targets).square()
    return torch.where(labelled, losses, 0).sum() / labelled.sum().clamp(min=1)


class Supervised(Objective):
    """Match the labels of the samples that have one, by the loss of the target's kind.

    Args:
        pos_weight: binary and multi-label targets: how much more a positive entry counts, one value or one per column.

    Shapes: logits "batch output". Terms: ``bce`` (binary, multi-label, mask), ``ce`` (multi-class) or ``mse``
    (regression, forecast).

    Raises:
        InputError: a weight is not above zero, does not fit the target, or the logits do not.
    """

    method: ClassVar[str] = "Supervised"
    source: ClassVar[str] = "classic: cross-entropy or squared error"
    needs_teacher: ClassVar[tuple[str, ...]] = ()

    pos_weight: Tensor | None

    def __init__(self, pos_weight: float | list[float] | None = None) -> None:
        super().__init__()
        weights = (
            [] if pos_weight is None else [pos_weight] if isinstance(pos_weight, int | float) else list(pos_weight)
        )
        if any(not weight > 0 for weight in weights):
            raise InputError(
                f"pos_weight is {pos_weight}, it must be above 0",
                where="Supervised",
                remedy="Negatives / positives is usual",
            )
        self.register_buffer("pos_weight", torch.tensor(weights) if weights else None, persistent=False)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term of the target's kind."""
        logits = student.logits
        target = batch.target
        expected = (len(batch), target.outputs)
        if tuple(logits.shape) != expected:
            raise InputError(
                f"logits have shape {tuple(logits.shape)}, target '{target.key}' asks for {expected}",
                where="Supervised",
                remedy=f"Set network.init_args.outputs to {target.outputs}",
            )
        weight = None if self.pos_weight is None else self.pos_weight.to(logits.device)
        return {TERM[target.kind]: supervised(logits, batch.targets, batch.labelled, target.kind, weight)}

    def check(self, target: Target) -> None:
        """Refuse a weight that does not fit the target."""
        if self.pos_weight is not None and (
            TERM[target.kind] != "bce" or self.pos_weight.numel() not in (1, target.outputs)
        ):
            raise InputError(
                f"pos_weight has {self.pos_weight.numel()} values, "
                f"target '{target.key}' is {target.kind} with {target.outputs} outputs",
                where="Supervised",
                remedy="Give one value, or one per label, for a binary or multi-label target; leave it out for others",
            )
