"""Search ranges: what a recipe may say, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.errors import InputError
from medkd.pipeline.search_ranges import Range, parse_ranges


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ([], "search is '[]'"),
        ({"a.b": 3}, "search.a.b is '3'"),
        ({"a": {"b": {"c": 3}}}, "search.a.b.c is '3'"),
        ({"a.b": {"lo": 1, "high": 2}}, "unknown key 'search.a.b.lo' (R). Did you mean 'low'?"),
        ({"a": {"b": {"low": 1}}}, "search.a.b is {'low': 1} (R). Give high too."),
        (
            {"a.b": {"low": "3e-4", "high": 1}},
            "search.a.b.low is '3e-4' (R). It must be a number; YAML reads 1e-3 as text",
        ),
        ({"a.b": {"low": 2, "high": 2}}, "search.a.b is {'low': 2, 'high': 2} (R). Let low be below high."),
        (
            {"a.b": {"low": 0, "high": 2, "log": True}},
            "'low': 0, 'high': 2, 'log': True} (R). With log: true, begin above 0",
        ),
        ({"a.b": {"low": 1, "high": 2, "log": "yes"}}, "search.a.b.log is 'yes'"),
        ({"a.b": {"choices": [1]}}, "search.a.b.choices is [1] (R). Give two or more"),
        ({"a.b": {"choices": [1, 2], "low": 1}}, "Give choices alone"),
        (
            {"a.b": {"choices": [1, [2]]}},
            "search.a.b.choices is [1, [2]] (R). Give two or more numbers, words, or true",
        ),
    ],
)
def test_what_is_not_a_range_is_refused_in_one_line(search: Any, message: str):
    with pytest.raises(InputError) as caught:
        parse_ranges(search, "R")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_may_be_nested_or_dotted():
    dotted = parse_ranges({"baseline.model.learning_rate": {"low": 1.0, "high": 2.0}}, "")
    assert parse_ranges({"baseline": {"model.learning_rate": {"low": 1.0, "high": 2.0}}}, "") == dotted
    assert dotted == {"baseline.model.learning_rate": Range(low=1.0, high=2.0)}


def test_a_range_survives_being_written():
    for found in (Range(low=20, high=80), Range(low=0.1, high=1.0, log=True), Range(choices=(True, "adamw", 2))):
        again = parse_ranges({"a.b": found.to_dict()}, "")["a.b"]
        assert again == found
        assert [type(value) for value in again.ends()] == [type(value) for value in found.ends()]


def test_what_lies_in_a_range():
    assert 20 in Range(low=20, high=80)
    assert 81 not in Range(low=20, high=80)
    assert True not in Range(low=0, high=2)
    assert "adamw" in Range(choices=("adamw", "sgd"))
