"""The sample table is checked before anything is read."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from medkd.data.core.sample import check_samples
from medkd.data.core.target import Target
from medkd.errors import InputError

TARGET = Target("cd", "binary", ("cd",))


def table(**change: Any) -> pl.DataFrame:
    return pl.DataFrame({"sample_id": ["a", "b"], "subject_id": ["p", "q"], "cd": [1.0, None]} | change, strict=False)


def test_a_good_table_passes_with_its_ids_as_text() -> None:
    checked = check_samples(table(sample_id=[1, 2], subject_id=[7, 7]), TARGET, "cohort")
    assert checked.schema["sample_id"] == checked.schema["subject_id"] == pl.String
    assert checked["sample_id"].to_list() == ["1", "2"]
    assert checked["cd"].to_list() == [1.0, None]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (table().drop("sample_id"), "no column 'sample_id'"),
        (table().drop("subject_id"), "no column 'subject_id'"),
        (table().drop("cd"), "no column 'cd'"),
        (table().clear(), "no sample is left"),
        (table(sample_id=["a", None]), "1 samples have no sample_id"),
        (table(subject_id=[None, None]), "2 samples have no subject_id"),
        (table(sample_id=["a", "a"]), "'a' stands 2 times"),
        (table(sample_id=[1, 1]), "'1' stands 2 times"),
        (table(cd=[None, None]), "target 'cd' has no label"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(broken: pl.DataFrame, says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        check_samples(broken, TARGET, "cohort demo")
    assert "cohort demo" in str(told.value)
    assert "\n" not in str(told.value)


def test_some_labels_of_a_multilabel_target_are_enough() -> None:
    both = Target("two", "multilabel", ("cd", "mi"))
    assert check_samples(table(mi=[None, None]), both, "cohort").height == 2
    with pytest.raises(InputError, match="has no label"):
        check_samples(table(cd=[None, None], mi=[None, None]), both, "cohort")


def test_a_table_without_a_target_needs_ids_alone() -> None:
    assert check_samples(table().drop("cd"), None, "manifest").height == 2
