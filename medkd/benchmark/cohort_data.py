"""A real cohort as problems.

Each seed's outer folds, what both roles see brought to a few columns by the training samples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from medkd.benchmark.dataset import Floats, Problem
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split, keeps_label
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import ROLES, PreparedCohort

COLUMNS = 16
"""Principal components of what a role sees."""


@dataclass(frozen=True)
class Outer:
    """An outer fold of a seed as a problem, and who is scored in it."""

    seed: int
    fold: int
    problem: Problem
    subjects: list[str]


def outer_folds(
    inputs: PreparedCohort,
    samples: pl.DataFrame,
    seeds: Sequence[int],
    label_fraction: float,
    scored: Literal["val", "test"],
) -> list[Outer]:
    """Every seed's outer folds.

    Training samples are the split's own; those whose label is withheld follow those that keep it. Folds of unlike size
    are cut to the smallest, by a sample or two. Out-of-fold teachers leave the split's other folds out in turn, so no
    subject stands on both sides.

    Args:
        inputs: of a run that was prepared.
        samples: its sample table.
        seeds: each draws a split.
        label_fraction: share of training and inner-validation subjects that keep their label.
        scored: "val" scores the labelled inner validation, to choose settings by; "test" the outer fold.

    Raises:
        InputError: the target is not binary.
    """
    if inputs.target.kind != "binary":
        what = f"target '{inputs.target.key}' is {inputs.target.kind}"
        raise InputError(what, where="medkd benchmark", remedy="Choose a binary target with --target")
    seen = {role: _flat(inputs, role, samples["sample_id"].to_list()) for role in ROLES}
    y = samples[inputs.target.columns[0]].fill_null(-1).cast(pl.Int64).to_numpy()
    row_of = {name: row for row, name in enumerate(samples["sample_id"])}
    found = []
    for seed in seeds:
        split = draw_split(samples, inputs.target, inputs.protocol, seed, inputs.official)
        found += [_outer(split, fold, seed, label_fraction, scored, seen, y, row_of) for fold in split.evaluated]
    return _cut(found)


def _outer(
    split: Split,
    fold: int,
    seed: int,
    label_fraction: float,
    scored: Literal["val", "test"],
    seen: dict[str, Floats],
    y: NDArray[np.int64],
    row_of: dict[str, int],
) -> Outer:
    train = split.role("train", [fold], labelled_only=False)
    others = split.role(scored, [fold], label_fraction)
    rows, other_rows = (np.array([row_of[name] for name in table["sample_id"]]) for table in (train, others))
    kept = train.select(keeps_label(label_fraction)).to_series().to_numpy() & (y[rows] >= 0)
    # Within each part in an order of the seed's own, so that what is cut off is nobody in particular.
    order = np.lexsort((np.random.default_rng([seed, fold, 40]).permutation(len(rows)), ~kept))
    known = y[other_rows] >= 0
    views, scored_views = {}, {}
    for role, values in seen.items():
        components = PCA(min(COLUMNS, len(rows) - 1), svd_solver="full").fit(values[rows])
        views[role] = components.transform(values[rows[order]]).astype(np.float32)
        scored_views[role] = components.transform(values[other_rows[known]]).astype(np.float32)
    problem = Problem(
        seed=1000 * seed + fold,
        views=views,
        y=y[rows[order]],
        labelled=int(kept.sum()),
        fold=train["fold"].to_numpy()[order],
        scored_views=scored_views,
        scored_y=y[other_rows[known]],
    )
    return Outer(seed, fold, problem, others["subject_id"].filter(pl.Series(known)).to_list())


def _cut(found: Sequence[Outer]) -> list[Outer]:
    """Labelled samples, and then unlabelled ones, as many as the smallest problem has."""
    labelled = min(one.problem.labelled for one in found)
    silent = min(len(one.problem.y) - one.problem.labelled for one in found)
    cut = []
    for one in found:
        held = one.problem
        rows = np.r_[:labelled, held.labelled : held.labelled + silent]
        fold = np.unique(held.fold, return_inverse=True)[1][rows]
        views = {role: values[rows] for role, values in held.views.items()}
        cut.append(replace(one, problem=replace(held, views=views, y=held.y[rows], labelled=labelled, fold=fold)))
    return cut


def _flat(inputs: PreparedCohort, role: str, names: Sequence[str]) -> Floats:
    """Everything that a role sees of each sample in one row; what is absent is zero."""
    parts = [
        np.asarray(stored.values[stored.rows(names)], dtype=np.float32).reshape(len(names), -1)
        for stored in inputs.prepared(role).values()
    ]
    return np.concatenate(parts, axis=1)
