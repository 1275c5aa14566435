"""Nested values: merging, and dotted assignment."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.errors import InputError
from medkd.pipeline.nested_values import merged, override


def test_merging_sets_leaves_and_leaves_both_as_they_were():
    base, change = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}, {"a": {"c": {"d": 3}}, "e": {"f": 4}}
    assert merged(base, change) == {"a": {"b": 1, "c": {"d": 3}}, "e": {"f": 4}}
    assert (base["a"]["c"]["d"], change["a"]["c"]["d"]) == (2, 3)


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("a.b=3", {"a": {"b": 3, "c": 1}, "n": None}),
        ("a.d=[1, x]", {"a": {"b": 2, "c": 1, "d": [1, "x"]}, "n": None}),
        ("n.x.y=null", {"a": {"b": 2, "c": 1}, "n": {"x": {"y": None}}}),
        ("a={k: 1.0e-3}", {"a": {"k": 0.001}, "n": None}),
        ("a.b=", {"a": {"b": None, "c": 1}, "n": None}),
    ],
)
def test_a_dotted_key_reaches_its_leaf(dotted: str, expected: dict[str, Any]):
    values: dict[str, Any] = {"a": {"b": 2, "c": 1}, "n": None}
    override(values, dotted)
    assert values == expected


def test_what_cannot_be_set_is_refused():
    with pytest.raises(InputError, match=r"'a\.b\.c' reaches into a plain value \(--a\.b\.c\)"):
        override({"a": {"b": 2}}, "a.b.c=3")
    with pytest.raises(InputError, match=r"'\[' is not YAML \(--a\)"):
        override({}, "a=[")
