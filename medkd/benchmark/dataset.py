"""One thing to learn, and many of one shape side by side, so that all are learned at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medkd.benchmark.synthetic_world import Family
from medkd.data.core.target import Target
from medkd.errors import InputError

CROSSFIT = 5
"""Folds that out-of-fold teachers leave out in turn, in the synthetic family."""
TARGET = Target("y", "multiclass", ("y",), ("no", "yes"))
"""Two exclusive classes, not one logit: objectives that need classes can take part, and the ranking is the same."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """What a seed, or a seed's outer fold, gives to learn and to be scored on.

    Args:
        seed: of initialisations.
        views: role ("teacher", "student") → "sample column", training samples; those with a label come first.
        y: "sample", 0 or 1; never read behind ``labelled``.
        labelled: how many of the first samples keep their label.
        fold: "sample", by which out-of-fold teachers are cross-fitted; samples of one subject share it.
        scored_views: the same for the samples that are scored and never trained on.
        scored_y: their labels.
    """

    seed: int
    views: dict[str, Floats]
    y: NDArray[np.int64]
    labelled: int
    fold: NDArray[np.int64]
    scored_views: dict[str, Floats]
    scored_y: NDArray[np.int64]


def synthetic(family: Family, samples: int, label_fraction: float, scored: int, seed: int) -> Problem:
    """One seed's draw: training samples, the first ``labels`` of them labelled, and others to be scored on.

    Shares of labels are nested: the samples of a seed are the same at every share.
    """
    drawn = family.draw(samples, np.random.default_rng([seed, 0]))
    others = family.draw(scored, np.random.default_rng([seed, 1]))
    return Problem(
        seed=seed,
        views={"teacher": drawn.teacher.astype(np.float32), "student": drawn.student.astype(np.float32)},
        y=drawn.y,
        labelled=round(label_fraction * samples),
        fold=np.arange(samples) % CROSSFIT,
        scored_views={"teacher": others.teacher.astype(np.float32), "student": others.student.astype(np.float32)},
        scored_y=others.y,
    )


@dataclass(frozen=True)
class Problems:
    """Problems of one shape, stacked.

    Args:
        each: the problems.
        views: role → "problem sample column", centred and divided by the largest column's deviation, of its own
            training samples.
        scored: role → one tensor "scored column" a problem, by the same numbers.
        y: "problem sample" int64, 0 where the label is withheld.
    """

    each: Sequence[Problem]
    views: dict[str, Tensor]
    scored: dict[str, list[Tensor]]
    y: Tensor

    def first(self, count: int) -> Problems:
        """So many of them."""
        scored = {role: held[:count] for role, held in self.scored.items()}
        return Problems(
            self.each[:count], {role: view[:count] for role, view in self.views.items()}, scored, self.y[:count]
        )

    @property
    def samples(self) -> int:
        """Training samples of each."""
        return self.y.shape[1]

    @property
    def labelled(self) -> int:
        """Labelled ones among them, the first."""
        return self.each[0].labelled

    @property
    def seeds(self) -> list[int]:
        """One a problem."""
        return [problem.seed for problem in self.each]


def stacked(problems: Sequence[Problem]) -> Problems:
    """Problems side by side.

    Raises:
        InputError: they differ in samples or labels, or a problem's labels are all of one class.
    """
    if len({(len(problem.y), problem.labelled) for problem in problems}) != 1:
        raise InputError("problems differ in size", where="benchmark", remedy="Cut them to the smallest")
    for problem in problems:
        if len(np.unique(problem.y[: problem.labelled])) < 2:
            what = f"the {problem.labelled} labelled samples of seed {problem.seed} are of one class"
            raise InputError(what, where="benchmark", remedy="Give more samples, or a larger share of labels")
    views: dict[str, Tensor] = {}
    scored: dict[str, list[Tensor]] = {}
    for role in problems[0].views:
        means = [problem.views[role].mean(axis=0) for problem in problems]
        scales = [max(float(problem.views[role].std(axis=0).max()), 1e-6) for problem in problems]
        each = list(zip(problems, means, scales, strict=True))
        views[role] = torch.stack(
            [torch.from_numpy((problem.views[role] - mean) / np.float32(scale)) for problem, mean, scale in each]
        )
        scored[role] = [
            torch.from_numpy((problem.scored_views[role] - mean) / np.float32(scale)) for problem, mean, scale in each
        ]
    y = torch.from_numpy(np.stack([problem.y for problem in problems]))
    y[:, problems[0].labelled :] = 0
    return Problems(problems, views, scored, y)
