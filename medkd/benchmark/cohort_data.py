"""Data sets of a real cohort: each seed's outer folds, with views reduced to a few columns by the training samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from medkd.benchmark.dataset import Dataset, Floats
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split, keeps_label
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import ROLES, PreparedCohort

COLUMNS = 16
"""Principal components of a role's view."""


@dataclass(frozen=True)
class OuterFold:
    """An outer fold of a seed as a data set, and the subjects of its scored samples."""

    seed: int
    fold: int
    dataset: Dataset
    subjects: list[str]


def outer_folds(
    cohort: PreparedCohort,
    samples: pl.DataFrame,
    seeds: Sequence[int],
    label_fraction: float,
    scored: Literal["val", "test"],
) -> list[OuterFold]:
    """Every seed's outer folds.

    Training samples are the split's own, the labelled ones first. Folds of different size are cut to the smallest, by a
    sample or two. Out-of-fold teachers leave the split's other folds out in turn, so no subject is on both sides.

    Args:
        cohort: prepared for a recipe.
        samples: its sample table.
        seeds: each draws a split.
        label_fraction: share of training and inner-validation subjects that keep their label.
        scored: "val" scores the labelled inner validation, to choose settings by; "test" the outer fold.

    Raises:
        InputError: the target is not binary.
    """
    if cohort.target.kind != "binary":
        what = f"target '{cohort.target.key}' is {cohort.target.kind}"
        raise InputError(what, where="medkd benchmark", remedy="Choose a binary target with --target")
    views = {role: _flat(cohort, role, samples["sample_id"].to_list()) for role in ROLES}
    y = samples[cohort.target.columns[0]].fill_null(-1).cast(pl.Int64).to_numpy()
    row_of = {name: row for row, name in enumerate(samples["sample_id"])}
    folds = []
    for seed in seeds:
        split = draw_split(samples, cohort.target, cohort.protocol, seed, cohort.official)
        folds += [_outer_fold(split, fold, seed, label_fraction, scored, views, y, row_of) for fold in split.evaluated]
    return _cut(folds)


def _outer_fold(
    split: Split,
    fold: int,
    seed: int,
    label_fraction: float,
    scored: Literal["val", "test"],
    views: dict[str, Floats],
    y: NDArray[np.int64],
    row_of: dict[str, int],
) -> OuterFold:
    train = split.role("train", [fold], labelled_only=False)
    others = split.role(scored, [fold], label_fraction)
    rows, other_rows = (np.array([row_of[name] for name in table["sample_id"]]) for table in (train, others))
    labelled = train.select(keeps_label(label_fraction)).to_series().to_numpy() & (y[rows] >= 0)
    # Within each part in an order of the seed's own, so that cutting leaves out nobody in particular.
    order = np.lexsort((np.random.default_rng([seed, fold, 40]).permutation(len(rows)), ~labelled))
    known = y[other_rows] >= 0
    train_views, scored_views = {}, {}
    for role, values in views.items():
        components = PCA(min(COLUMNS, len(rows) - 1), svd_solver="full").fit(values[rows])
        train_views[role] = components.transform(values[rows[order]]).astype(np.float32)
        scored_views[role] = components.transform(values[other_rows[known]]).astype(np.float32)
    dataset = Dataset(
        seed=1000 * seed + fold,
        views=train_views,
        y=y[rows[order]],
        labelled=int(labelled.sum()),
        fold=train["fold"].to_numpy()[order],
        scored_views=scored_views,
        scored_y=y[other_rows[known]],
    )
    return OuterFold(seed, fold, dataset, others["subject_id"].filter(pl.Series(known)).to_list())


def _cut(folds: Sequence[OuterFold]) -> list[OuterFold]:
    """Labelled samples, and then unlabelled ones, as many as the smallest data set has."""
    labelled = min(fold.dataset.labelled for fold in folds)
    unlabelled = min(len(fold.dataset.y) - fold.dataset.labelled for fold in folds)
    cut = []
    for outer in folds:
        data = outer.dataset
        rows = np.r_[:labelled, data.labelled : data.labelled + unlabelled]
        fold = np.unique(data.fold, return_inverse=True)[1][rows]
        views = {role: values[rows] for role, values in data.views.items()}
        cut.append(replace(outer, dataset=replace(data, views=views, y=data.y[rows], labelled=labelled, fold=fold)))
    return cut


def _flat(cohort: PreparedCohort, role: str, names: Sequence[str]) -> Floats:
    """A role's whole view of each sample in one row; zero where a modality is absent."""
    parts = [
        np.asarray(prepared.values[prepared.rows(names)], dtype=np.float32).reshape(len(names), -1)
        for prepared in cohort.arrays(role).values()
    ]
    return np.concatenate(parts, axis=1)
