"""Who the samples are: counts that add up, and none so small that it points at somebody."""

from __future__ import annotations

import polars as pl

from medkd.data.core.target import Target
from medkd.pipeline.participants import participants

SAMPLES = pl.DataFrame(
    {
        "sample_id": [f"s{row}" for row in range(60)],
        "subject_id": [f"p{row // 2}" for row in range(60)],
        "age": [20.0 + row // 2 for row in range(60)],
        "sex": ["female" if row // 2 < 25 else "male" for row in range(60)],
        "site": ["A" if row < 40 else None for row in range(60)],
        "a": [1 if row < 30 else 0 for row in range(58)] + [None, None],
        "kind": [row % 3 for row in range(60)],
        "value": [float(row) for row in range(60)],
    }
)


def test_subjects_are_counted_once_and_few_are_not_told() -> None:
    found = participants(SAMPLES, Target("a", "binary", ("a",)))
    assert (found["samples"], found["subjects"], found["unlabelled"], found["sites"]) == (60, 30, 2, 1)
    assert found["outcomes"] == {"a": {"with": 15, "without": 14}}
    assert found["sex"] == {"female": "the others", "male": "fewer than 10"}
    assert found["age"] == {"median": 34.5, "q1": 27.25, "q3": 41.75, "known": 30}


def test_each_exclusive_class_and_values_have_their_own_row() -> None:
    kinds = participants(SAMPLES, Target("kind", "multiclass", ("kind",), ("x", "y", "z")))["outcomes"]
    assert kinds == {name: {"with": 20, "without": 10} for name in ("x", "y", "z")}
    value = participants(SAMPLES.select("sample_id", "subject_id", "value"), Target("value", "regression", ("value",)))
    assert value["outcomes"] == {"value": {"median": 29.5, "q1": 14.75, "q3": 44.25, "samples": 60}}
    assert not {"age", "sex", "sites"} & set(value)
