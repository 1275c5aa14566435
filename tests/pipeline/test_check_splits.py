"""Check of splits: an empty part, or one class alone, is refused before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from medkd.errors import InputError
from medkd.pipeline.check_splits import check_splits
from medkd.pipeline.prepared_cohort import PreparedCohort

Named = Callable[..., PreparedCohort]


def samples(labels: list[int | None]) -> pl.DataFrame:
    names = [str(index) for index in range(len(labels))]
    return pl.DataFrame({"sample_id": names, "subject_id": names, "t": pl.Series(labels, dtype=pl.Int64)})


def test_a_cohort_that_fills_every_part_passes(named_cohort: Named):
    check_splits(samples([0, 1] * 40), named_cohort("kfold:4"), range(3), [1.0, 0.5])


def test_a_part_that_is_empty_at_the_smallest_fraction_is_named(named_cohort: Named):
    with pytest.raises(InputError, match=r"part is empty \(protocol kfold:4, seed 0, without fold .*labels 0.01\)"):
        check_splits(samples([0, 1] * 40), named_cohort("kfold:4"), range(1), [1.0, 0.01])


@pytest.mark.parametrize(
    ("labels", "message"),
    [([1] * 40, "'t' is 1 in all 40 labelled samples"), ([None] * 40, "'t' has no label")],
)
def test_one_class_alone_is_refused(named_cohort: Named, labels: list[int | None], message: str):
    with pytest.raises(InputError, match=message):
        check_splits(samples(labels), named_cohort("holdout"), range(1), [1.0])
