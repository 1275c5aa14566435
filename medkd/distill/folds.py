"""Out-of-fold assignment: which teacher's outputs a student may learn from, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from medkd.data.splits.split import Split, keeps_label
from medkd.distill.learner import Learner
from medkd.errors import InputError

MEAN = -1
"""``source`` of a row that is the mean of all teachers."""


@dataclass(frozen=True)
class Member:
    """One cross-fitted teacher, and the folds that it was not trained on."""

    learner: Learner
    held_out: frozenset[int]


def plan_rows(
    split: Split, held_out: Sequence[int], label_fraction: float, members: Sequence[Member], in_sample: bool
) -> pl.DataFrame:
    """The teacher of each row of a bank: ``sample_id``, ``fold``, ``source``, ``seen``.

    A labelled sample of fold j gets the teacher that left j out; one whose label is withheld gets the mean of all
    teachers (``source`` -1), none of which saw its label::

        outer test fold 0 (in no row)      fold 1      fold 2      fold 3    label withheld
        source, a position in members    left out 1  left out 2  left out 3    -1 (mean)

    Args:
        split: of the subjects.
        held_out: outer test folds, which no teacher was trained on and no student learns from.
        label_fraction: of the training subjects that keep their label.
        members: the teachers.
        in_sample: accept rows of a teacher that was trained on them; they are marked ``seen``.

    Raises:
        InputError: no teacher left a fold out, and in-sample rows were not asked for.
    """
    pool = split.table.filter(~pl.col("fold").is_in(list(held_out)))
    source_of = {
        fold: next((index for index, member in enumerate(members) if fold in member.held_out), None)
        for fold in pool["fold"].unique()
    }
    lacking = sorted(fold for fold, index in source_of.items() if index is None)
    if lacking and not in_sample:
        raise InputError(
            f"every teacher was trained on fold {lacking[0]}",
            where="bank",
            remedy="Cross-fit the teachers, or set in_sample: true",
        )
    rows = []
    labelled = pool.select(keeps_label(label_fraction)).to_series()
    for fold, labelled_subject in zip(pool["fold"], labelled, strict=True):
        index = source_of[fold]
        if not labelled_subject:
            rows.append((MEAN, False))
        else:
            rows.append((0 if index is None else index, index is None))
    planned = pl.DataFrame(rows, schema={"source": pl.Int64, "seen": pl.Boolean}, orient="row")
    return pool.select("sample_id", "fold").hstack(planned)
