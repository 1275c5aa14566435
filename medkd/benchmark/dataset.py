"""Data sets of the benchmark, and many of one shape side by side, so that all are learned at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.target import Target
from medkd.errors import InputError

TARGET = Target("y", "multiclass", ("y",), ("no", "yes"))
"""Two exclusive classes, not one logit: objectives that need classes can take part, and the ranking is the same."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """The training and scored samples of one seed, or of one outer fold of a seed.

    Args:
        seed: of initialisations.
        views: role ("teacher", "student") → "sample column", training samples; labelled ones come first.
        y: "sample", 0 or 1; never read beyond ``labelled``.
        labelled: number of labelled samples.
        fold: "sample", by which out-of-fold teachers are cross-fitted; samples of one subject share it.
        scored_views: as ``views``, of samples that are scored and never trained on.
        scored_y: labels of the scored samples.
    """

    seed: int
    views: dict[str, Floats]
    y: NDArray[np.int64]
    labelled: int
    fold: NDArray[np.int64]
    scored_views: dict[str, Floats]
    scored_y: NDArray[np.int64]


@dataclass(frozen=True)
class StackedDatasets:
    """Data sets of one shape, stacked.

    Args:
        each: the data sets.
        views: role → "dataset sample column", centred by its own training samples' mean and divided by the largest
            standard deviation of a column.
        scored: role → one tensor "scored column" per data set, scaled by the same numbers.
        y: "dataset sample" int64, 0 where the label is withheld.
    """

    each: Sequence[Dataset]
    views: dict[str, Tensor]
    scored: dict[str, list[Tensor]]
    y: Tensor

    def first(self, count: int) -> StackedDatasets:
        """The first ``count`` data sets."""
        scored = {role: tensors[:count] for role, tensors in self.scored.items()}
        views = {role: view[:count] for role, view in self.views.items()}
        return StackedDatasets(self.each[:count], views, scored, self.y[:count])

    @property
    def samples(self) -> int:
        """Training samples per data set."""
        return self.y.shape[1]

    @property
    def labelled(self) -> int:
        """Labelled training samples per data set, which come first."""
        return self.each[0].labelled

    @property
    def seeds(self) -> list[int]:
        """One per data set."""
        return [dataset.seed for dataset in self.each]


def stack(datasets: Sequence[Dataset]) -> StackedDatasets:
    """Stack data sets of one shape.

    Raises:
        InputError: they differ in samples or labels, or a data set's labels are all of one class.
    """
    if len({(len(dataset.y), dataset.labelled) for dataset in datasets}) != 1:
        raise InputError("data sets differ in size", where="benchmark", remedy="Cut them to the smallest")
    for dataset in datasets:
        if len(np.unique(dataset.y[: dataset.labelled])) < 2:
            what = f"the {dataset.labelled} labelled samples of seed {dataset.seed} are of one class"
            raise InputError(what, where="benchmark", remedy="Give more samples, or a larger share of labels")
    views: dict[str, Tensor] = {}
    scored: dict[str, list[Tensor]] = {}
    for role in datasets[0].views:
        means = [dataset.views[role].mean(axis=0) for dataset in datasets]
        scales = [max(float(dataset.views[role].std(axis=0).max()), 1e-6) for dataset in datasets]
        each = list(zip(datasets, means, scales, strict=True))
        views[role] = torch.stack(
            [torch.from_numpy((dataset.views[role] - mean) / np.float32(scale)) for dataset, mean, scale in each]
        )
        scored[role] = [
            torch.from_numpy((dataset.scored_views[role] - mean) / np.float32(scale)) for dataset, mean, scale in each
        ]
    y = torch.from_numpy(np.stack([dataset.y for dataset in datasets]))
    y[:, datasets[0].labelled :] = 0
    return StackedDatasets(datasets, views, scored, y)
