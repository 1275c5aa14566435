"""Summaries for input drift: a few numbers that describe one prepared input, whatever its kind."""

from __future__ import annotations

import math
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from medkd.data.core.modality import Modality
from medkd.data.core.view import Part
from medkd.data.io.document import Document
from medkd.errors import InputError

Array = NDArray[np.float64]
MEASURED = ("mean", "std", "min", "max", "observed", "roughness")
"""Summaries of measurements.

``observed`` is the share of cells that hold a value, ``roughness`` the deviation of first differences.
"""
COUNTED = ("filled", "distinct")
"""Summaries of token ids and indicators.

The share of cells that are observed and not 0, and of different values among all cells.
"""
SCALES = ("std", "roughness")
"""Summaries that are compared by ratio: their logarithm is used."""
CHANNELS = 64
"""An input of more channels than this is described as one."""
CELLS = 2**16
"""Of a channel of more cells than this every second, third, ... is used."""


@runtime_checkable
class Named(Protocol):
    """A modality whose channels have names."""

    def names(self, part: Part) -> tuple[str, ...]:
        """Of the channels that the part shows."""
        ...


class Summaries(Document):
    """Description of the inputs of one modality.

    An input of one dimension (indicators, one value per gene), of more than ``CHANNELS`` channels, or whose values are
    not measurements (``Traits.measured``) is described as one channel, since there a channel alone means little.
    """

    modality: str
    shape: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    """Of one prepared sample, "channel ..."."""
    channels: tuple[str, ...]
    """Names; one, "all", where they are described together."""
    measured: bool
    """Whether values are measurements."""

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        shape = info.data.get("shape", (len(channels),))
        if len(channels) not in (1, shape[0]):
            raise ValueError(f"It must be one name, or {shape[0]}")
        return channels

    @classmethod
    def of(cls, modality: Modality, part: Part) -> Summaries:
        """The description of what a part of a view shows of a modality."""
        shape = modality.shape(part)
        if not modality.traits.measured or len(shape) == 1 or shape[0] > CHANNELS:
            return cls(modality=part.modality, shape=shape, channels=("all",), measured=modality.traits.measured)
        named = modality.names(part) if isinstance(modality, Named) else part.selector
        known = named if len(named) == shape[0] else tuple(str(number) for number in range(1, shape[0] + 1))
        return cls(modality=part.modality, shape=shape, channels=known, measured=True)

    @property
    def layout(self) -> tuple[str, tuple[int, ...], int, bool]:
        """All but the channels' names, which another version may spell otherwise."""
        return self.modality, self.shape, len(self.channels), self.measured

    @property
    def kinds(self) -> tuple[str, ...]:
        """Summaries of each channel."""
        return MEASURED if self.measured else COUNTED

    @property
    def names(self) -> tuple[str, ...]:
        """``MODALITY/CHANNEL/SUMMARY``, in the order of ``take``."""
        return tuple(f"{self.modality}/{channel}/{kind}" for channel in self.channels for kind in self.kinds)

    def take(self, values: NDArray[np.float32]) -> Array:
        """Summaries "sample summary"; NaN where nothing, or for a deviation one cell alone, was observed.

        Args:
            values: prepared and normalised, "sample channel ..."; NaN is not observed.

        Raises:
            InputError: the samples have another shape.
        """
        if values.shape[1:] != self.shape:
            raise InputError(
                f"{self.modality} has shape {values.shape[1:]}, {self.shape} expected", where="input drift"
            )
        cells = values.reshape(len(values), len(self.channels), -1)
        step = math.ceil(cells.shape[2] / CELLS)
        used: Array = cells[:, :, ::step].astype(np.float64)
        summaries = _measured(used) if self.measured else _counted(used)
        return summaries.reshape(len(values), -1)


def _measured(cells: Array) -> Array:
    """The summaries of ``MEASURED``: "sample channel summary"."""
    seen = np.isfinite(cells)
    if seen.all():
        mean, low, high = cells.mean(axis=2), cells.min(axis=2), cells.max(axis=2)
        spread = _deviation(np.square(cells - mean[:, :, None]).mean(axis=2), np.full(mean.shape, cells.shape[2]))
        steps = np.diff(cells, axis=2)
        drift = steps.mean(axis=2) if steps.shape[2] else np.zeros_like(mean)
        rough = _deviation(
            np.square(steps - drift[:, :, None]).sum(axis=2) / max(steps.shape[2], 1),
            np.full(mean.shape, steps.shape[2]),
        )
        return np.stack([mean, spread, low, high, np.ones_like(mean), rough], axis=2)
    count = seen.sum(axis=2)
    some = count > 0
    mean = _mean(np.where(seen, cells, 0.0), count)
    spread = _deviation(_mean(np.square(np.where(seen, cells - mean[:, :, None], 0.0)), count), count)
    low = np.where(some, np.where(seen, cells, np.inf).min(axis=2), np.nan)
    high = np.where(some, np.where(seen, cells, -np.inf).max(axis=2), np.nan)
    both = seen[:, :, 1:] & seen[:, :, :-1]
    pairs = both.sum(axis=2)
    steps = np.where(both, np.diff(cells, axis=2), 0.0)
    drift = _mean(steps, pairs)
    rough = _deviation(_mean(np.square(np.where(both, steps - drift[:, :, None], 0.0)), pairs), pairs)
    return np.stack([mean, spread, low, high, count / cells.shape[2], rough], axis=2)


def _counted(cells: Array) -> Array:
    """The summaries of ``COUNTED``: "sample channel summary"."""
    seen = np.isfinite(cells)
    filled = (seen & (cells != 0)).mean(axis=2)
    ordered = np.sort(cells, axis=2)  # what is not observed comes last
    distinct = seen.any(axis=2) + (np.diff(ordered, axis=2) > 0).sum(axis=2)
    return np.stack([filled, distinct / cells.shape[2]], axis=2)


def _mean(values: Array, count: NDArray[np.int64]) -> Array:
    return np.where(count > 0, values.sum(axis=2) / np.maximum(count, 1), np.nan)


def _deviation(variance: Array, count: NDArray[np.int64]) -> Array:
    """Standard deviation; NaN of a single value."""
    return np.where(count > 1, np.sqrt(variance), np.nan)
