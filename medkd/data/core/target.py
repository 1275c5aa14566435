"""What is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["binary", "multiclass", "multilabel", "regression", "forecast", "mask"]


@dataclass(frozen=True)
class Target:
    """What is predicted, and which columns of the sample table hold it.

    Args:
        key: the name that ``--target`` takes.
        kind: binary · multiclass · multilabel · regression · forecast · mask.
        columns: columns of the sample table. Binary, regression: one. Multiclass: one, holding a class index.
            Multilabel: one a class, 0 or 1. Null is "unlabelled".
        classes: class names; for binary the name of the positive class alone.
        units: of a regression or forecast target.
        rule: one line, how the label follows from the published tables.
        prediction_hour: hours after a sample's time zero; no student may see later. None: signal and label belong to
            one moment.

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
        """The target that ``spec()`` described.

        >>> Target.from_dict(Target("cd", "binary", ("cd",)).to_dict()).columns
        ('cd',)
        """
        held: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in spec.items()}
        return cls(**held)

    @property
    def outputs(self) -> int:
        """Number of logits a network returns: one for binary, else one a class (or a column)."""
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
        """Logits "batch output" to what is reported: probabilities, or the value itself for regression.

        >>> Target("cd", "binary", ("cd",)).probabilities(torch.zeros(2, 1)).tolist()
        [[0.5], [0.5]]
        """
        if self.kind == "multiclass":
            return logits.softmax(dim=-1)
        if self.kind in ("binary", "multilabel", "mask"):
            return torch.sigmoid(logits)
        return logits
