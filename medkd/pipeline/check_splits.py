"""Check of splits: no part of any split that a run will use is empty, before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import polars as pl

from medkd.data.core.target import Target
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import PreparedCohort


def check_splits(
    samples: pl.DataFrame, cohort: PreparedCohort, seeds: Iterable[int], label_fractions: Sequence[float]
) -> None:
    """Draw each seed's split and refuse an empty part of it.

    Raises:
        InputError: a split cannot be drawn, or leaves a test, training or inner-validation part empty at the smallest
            label fraction.
    """
    _refuse_one_class(samples, cohort.target)
    for seed in seeds:
        split = draw_split(samples, cohort.target, cohort.protocol, seed, cohort.official)
        for outer in split.evaluated:
            _check(split, (outer,), min(label_fractions))
        # A cross-fitted teacher leaves out one fold more.
        for pair in combinations(sorted({*split.evaluated, *split.crossfit}), 2):
            _check(split, pair, min(label_fractions))


def _check(split: Split, held_out: tuple[int, ...], label_fraction: float) -> None:
    folds = " and ".join(map(str, held_out))
    where = f"protocol {split.protocol}, seed {split.seed}, without fold {folds}, labels {label_fraction:g}"
    parts = {
        "test": split.role("test", held_out),
        "training": split.role("train", held_out, label_fraction),
        "inner-validation": split.role("val", held_out, label_fraction),
    }
    for name, part in parts.items():
        if part.is_empty():
            raise InputError(
                f"the {name} part is empty",
                where=where,
                remedy="Raise --labels, use fewer folds, or give more subjects",
            )


def _refuse_one_class(samples: pl.DataFrame, target: Target) -> None:
    """Refuse labels of one class alone: nothing can be learnt from them, and no metric is defined."""
    if target.kind not in ("binary", "multilabel", "multiclass"):
        return
    for column in target.columns:
        if samples[column].drop_nulls().n_unique() < 2:
            known = samples[column].drop_nulls()
            value = f"is {known[0]:g} in all {len(known)} labelled samples" if len(known) else "has no label"
            raise InputError(
                f"target column '{column}' {value}", where=f"target {target.key}", remedy="Choose another with --target"
            )
