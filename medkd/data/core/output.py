"""Output: the tensors that a network returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor


@dataclass
class Output:
    """The outputs of a network, or of a bank of a teacher's outputs; parts that it does not have are None.

    Args:
        logits: "batch output".
        embedding: "batch dim", before the head.
        features: feature maps by the name of their stage, "batch channel ...".
        tokens: "batch token dim".
        state: mean and log-variance, each "batch dim".
    """

    logits: Tensor
    embedding: Tensor | None = None
    features: dict[str, Tensor] = field(default_factory=dict)
    tokens: Tensor | None = None
    state: tuple[Tensor, Tensor] | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same output on another device."""

        def move(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.to(device, non_blocking=non_blocking)

        return type(self)(
            logits=self.logits.to(device, non_blocking=non_blocking),
            embedding=move(self.embedding),
            features={name: part.to(device, non_blocking=non_blocking) for name, part in self.features.items()},
            tokens=move(self.tokens),
            state=None if self.state is None else (self.state[0].to(device), self.state[1].to(device)),
        )

    def rows(self, index: Tensor) -> Self:
        """The samples at ``index`` (bool mask or row numbers), in every part.

        >>> Output(torch.zeros(3, 2), embedding=torch.ones(3, 5)).rows(torch.tensor([0, 2])).embedding.shape
        torch.Size([2, 5])
        """
        return type(self)(
            logits=self.logits[index],
            embedding=None if self.embedding is None else self.embedding[index],
            features={name: part[index] for name, part in self.features.items()},
            tokens=None if self.tokens is None else self.tokens[index],
            state=None if self.state is None else (self.state[0][index], self.state[1][index]),
        )
