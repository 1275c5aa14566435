"""Target: the outcome that is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["binary", "multiclass", "multilabel", "regression", "forecast", "mask"]


@dataclass(frozen=True)
class Target:
    """The outcome that is predicted, and the columns of the sample table that hold it.

    Args:
        key: the name that ``--target`` takes.
        kind: binary · multiclass · multilabel · regression · forecast · mask.
        columns: columns of the sample table. Binary, regression: one. Multiclass: one, holding a class index.
            Multilabel: one per class, 0 or 1. Null is "unlabelled".
        classes: class names; for binary the name of the positive class alone.
        units: of a regression or forecast target.
        rule: one line on how the label follows from the published tables.
        prediction_hour: hours after a sample's time zero at which the prediction is made; no student's view may reach
            beyond it. None: signal and label belong to one moment.

    >>> Target("cd", "binary", ("cd",), ("conduction disturbance",)).outputs
    1
    """

    key: str
    kind: Kind
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    units: str = ""
    rule: str = ""
    prediction_hour: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML and JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any]) -> Target:
        """The target that ``to_dict`` described.

        >>> Target.from_dict(Target("cd", "binary", ("cd",)).to_dict()).columns
        ('cd',)
        """
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in spec.items()}
        return cls(**fields)

    @property
    def outputs(self) -> int:
        """Number of logits a network returns: one for binary, else one per class (or column)."""
        return len(self.classes) if self.kind == "multiclass" else len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each logit."""
        return self.classes if len(self.classes) == self.outputs else self.columns

    @property
    def is_categorical(self) -> bool:
        """Whether logits are one distribution over exclusive classes (softmax)."""
        return self.kind == "multiclass"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits "batch output" to probabilities, or for a regression to the value itself.

        >>> Target("cd", "binary", ("cd",)).probabilities(torch.zeros(2, 1)).tolist()
        [[0.5], [0.5]]
        """
        if self.kind == "multiclass":
            return logits.softmax(dim=-1)
        if self.kind in ("binary", "multilabel", "mask"):
            return torch.sigmoid(logits)
        return logits
