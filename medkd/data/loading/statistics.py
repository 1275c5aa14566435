"""Statistics of the inputs, fitted on training samples only, with the digest of their split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from medkd.errors import InputError


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of one modality: of each channel, or of each position where samples are aligned.

    Args:
        mean, std: one per channel or, channel after channel, one per position; in the modality's units.
        samples: number of training samples they were fitted on.
        split_sha256: the split those came from.
        held_out: the folds of it that were left out.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    samples: int
    split_sha256: str
    held_out: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any]) -> Statistics:
        """The statistics that ``to_dict`` described.

        >>> Statistics.from_dict(Statistics((1.0,), (2.0,), 3, "", (0,)).to_dict()).held_out
        (0,)
        """
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in spec.items()}
        return cls(**fields)

    @classmethod
    def fit(
        cls,
        values: NDArray[np.float32],
        rows: NDArray[np.int64],
        split_sha256: str,
        held_out: tuple[int, ...],
        *,
        aligned: bool = False,
        measured: bool = True,
    ) -> Statistics:
        """Of ``values`` "sample channel ..." at the training ``rows``, 1,024 samples at a time; NaN is not observed.

        Args:
            values: prepared arrays; may be memory-mapped.
            rows: of the training samples.
            split_sha256, held_out: split and held-out folds of those samples.
            aligned: a position means the same in every sample, and gets statistics of its own.
            measured: False leaves values as they are (mean 0, deviation 1): token ids, indicators.

        Raises:
            InputError: there is no training sample.
        """
        if not len(rows):
            raise InputError(
                "no training sample to fit statistics on",
                where=f"folds held out: {held_out}",
                remedy="Give more labelled subjects",
            )
        if not measured:
            return cls((0.0,) * values.shape[1], (1.0,) * values.shape[1], len(rows), split_sha256, tuple(held_out))
        shape = values.shape[1:] if aligned else values.shape[1:2]
        count, total, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for start in range(0, len(rows), 1024):
            chunk = np.asarray(values[rows[start : start + 1024]], dtype=np.float64)
            axes = (0,) if aligned else tuple(axis for axis in range(chunk.ndim) if axis != 1)
            seen = ~np.isnan(chunk)
            chunk[~seen] = 0.0
            count += seen.sum(axis=axes)
            total += chunk.sum(axis=axes)
            squares += np.square(chunk).sum(axis=axes)
        # A channel that was never observed gets mean 0 and deviation 1.
        divisor = np.maximum(count, 1)
        mean = (total / divisor).ravel()
        std = np.sqrt(np.maximum((squares / divisor).ravel() - mean**2, 0.0))
        std[std < 1e-8] = 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()), len(rows), split_sha256, tuple(held_out))

    def apply(self, values: Tensor) -> Tensor:
        """``values`` "batch channel ..." with zero mean and unit deviation per channel (per position where aligned).

        >>> import torch
        >>> Statistics((1.0,), (2.0,), 1, "", ()).apply(torch.tensor([[[3.0]]])).item()
        1.0
        """
        shape = (1, -1) + (1,) * (values.ndim - 2) if len(self.mean) == values.shape[1] else (1, *values.shape[1:])
        return (values - as_tensor(self.mean, dtype=values.dtype).view(shape)) / as_tensor(
            self.std, dtype=values.dtype
        ).view(shape)
