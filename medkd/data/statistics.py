"""Statistics of the inputs: fitted on training samples only, and carrying the split that says which those were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from medkd.errors import InputError


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel of one modality.

    Args:
        mean, std: one a channel, in the modality's units.
        samples: number of training samples they were fitted on.
        split_sha256: the split those came from.
        held_out: the folds of it that were left out.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    samples: int
    split_sha256: str
    held_out: tuple[int, ...]

    @classmethod
    def fit(cls, values: NDArray[np.float32], rows: NDArray[np.int64], split_sha256: str, held_out: tuple[int, ...]) -> Statistics:
        """Over all positions of ``values`` "sample channel ..." at the training ``rows``, 1,024 samples at a time.

        Raises:
            InputError: there is no training sample.
        """
        if not len(rows):
            raise InputError(
                "no training sample to fit statistics on", where=f"folds held out: {held_out}", remedy="Give more labelled subjects"
            )
        count = 0.0
        total = np.zeros(values.shape[1])
        squares = np.zeros(values.shape[1])
        for start in range(0, len(rows), 1024):
            chunk = np.asarray(values[rows[start : start + 1024]], dtype=np.float64)
            axes = tuple(axis for axis in range(chunk.ndim) if axis != 1)
            count += chunk.size / chunk.shape[1]
            total += chunk.sum(axis=axes)
            squares += np.square(chunk).sum(axis=axes)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        std[std < 1e-8] = 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()), len(rows), split_sha256, tuple(held_out))

    def apply(self, values: Tensor) -> Tensor:
        """``values`` "batch channel ..." with zero mean and unit deviation a channel.

        >>> import torch
        >>> Statistics((1.0,), (2.0,), 1, "", ()).apply(torch.tensor([[[3.0]]])).item()
        1.0
        """
        shape = (1, -1) + (1,) * (values.ndim - 2)
        return (values - as_tensor(self.mean, dtype=values.dtype).view(shape)) / as_tensor(self.std, dtype=values.dtype).view(shape)
