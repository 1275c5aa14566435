"""Documents: one line per problem, with the nearest valid key."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import Field

from medkd.data.io.document import Document, parse_document, schema_of
from medkd.errors import InputError


class Inner(Document):
    view: str
    epochs: int = 3


class Outer(Document):
    teacher: Inner
    arms: dict[str, Inner] = Field(default_factory=dict)
    first: Inner | None = None
    rate: float = 0.1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"teacher": {"view": "ecg"}, "rat": 1}, "unknown key 'rat' (x.yaml). Did you mean 'rate'?"),
        ({"teacher": {"veiw": "ecg"}}, "unknown key 'teacher.veiw' (x.yaml). Did you mean 'view'?"),
        (
            {"teacher": {"view": "a"}, "arms": {"b": {"view": "a", "epoch": 1}}},
            "unknown key 'arms.b.epoch' (x.yaml). Did you mean 'epochs'?",
        ),
        ({"teacher": {"view": "a"}, "first": {"vie": 1}}, "unknown key 'first.vie' (x.yaml). Did you mean 'view'?"),
        ({"rate": 1}, "no 'teacher' (x.yaml). Add it."),
        ({"teacher": {"view": "a"}, "rate": "fast"}, "rate is 'fast' (x.yaml). It must be a valid number."),
        (["a"], "holds no keys (x.yaml). It should be names with values."),
    ],
)
def test_a_problem_is_one_line(content: Any, line: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_document(Outer, content, "x.yaml")
    assert str(caught.value) == line


def test_a_right_document_is_parsed_and_has_a_schema() -> None:
    outer = parse_document(Outer, {"teacher": {"view": "ecg", "epochs": 2}, "rate": 1}, "x.yaml")
    assert outer.teacher.epochs == 2
    assert outer.rate == 1.0
    assert schema_of(Outer, "outer, version 1")["properties"]["rate"]["type"] == "number"


@pytest.mark.parametrize("value", ["3", True, 2.5])
def test_values_are_not_converted_between_kinds(value: Any) -> None:
    with pytest.raises(InputError, match=r"teacher\.epochs is"):
        parse_document(Outer, {"teacher": {"view": "ecg", "epochs": value}}, "x.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "arms: &a [*a, *a]",
        "a: &a [x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join(['*' + p] * 9)}]\n" for p, n in zip("abcdefghij", "bcdefghijk", strict=True)),
    ],
)
def test_aliases_that_repeat_themselves_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="holds more than 20,000,000 characters and values"):
        parse_document(Outer, yaml.safe_load(text), "x.yaml")
