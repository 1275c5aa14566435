"""A projector from one model's embedding to the width of another's."""

from __future__ import annotations

from torch import Tensor, nn

from medkd.errors import InputError


class Projector(nn.Module):
    """A learned projection: linear, or with one hidden layer.

    Args:
        dim: width of the input.
        outputs: width of the output.
        hidden: width of the hidden layer; 0 makes the projection linear.

    Shapes: "batch dim" → "batch outputs", in the precision of its weights.

    Raises:
        InputError: the input has another width.

    >>> import torch
    >>> Projector(3, 5)(torch.zeros(2, 3)).shape
    torch.Size([2, 5])
    """

    def __init__(self, dim: int, outputs: int, hidden: int = 0) -> None:
        super().__init__()
        self.dim = dim
        if hidden:
            self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
        else:
            self.layers = nn.Sequential(nn.Linear(dim, outputs))

    def forward(self, embedding: Tensor) -> Tensor:
        """Project a batch of embeddings."""
        if embedding.shape[-1] != self.dim:
            raise InputError(
                f"embedding has width {embedding.shape[-1]}, the projection was made for {self.dim}",
                where="Projector",
                remedy=f"Set student_dim to {embedding.shape[-1]}",
            )
        projected: Tensor = self.layers(embedding.to(next(self.parameters()).dtype))
        return projected
