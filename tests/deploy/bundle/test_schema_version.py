"""Version N is read by N+1; a newer one is refused."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from medkd.deploy.bundle.schema_version import Versioned, read_versioned
from medkd.errors import InputError


class Leads(Versioned):
    schema_version: Literal[3] = 3
    leads: list[str]
    rate: int


class Small(Versioned):
    schema_version: Literal[2] = 2
    a: int


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in document.items() if key != "lead"}, "leads": [document["lead"]]}


def test_an_older_file_is_upgraded_step_by_step() -> None:
    upgrades = {1: _renamed, 2: lambda document: {**document, "rate": 100}}
    leads = read_versioned(Leads, b'{"schema_version": 1, "lead": "I"}', "x.json", upgrades)
    assert leads == Leads(schema_version=3, leads=["I"], rate=100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"schema_version: 3\na: 1", "schema_version 3 is newer than 2"),
        (b"schema_version: 1\na: 1", "schema_version 1 is too old"),
        (b"schema_version: true\na: 1", "no schema_version"),
        (b"a: 1", "no schema_version"),
        (b"schema_version: 2\nb: 1", "unknown key 'b'"),
        (b"schema_version: 2\na: one", "a is 'one'"),
        (b"schema_version: 2", "no 'a'"),
        (b"- 1", "holds no keys"),
        (b"", "holds no keys"),
        (b"a: [", "cannot be parsed"),
        (b"\xff\xfe\x00", "cannot be parsed"),
    ],
)
def test_what_cannot_be_read_ends_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_versioned(Small, content, "x.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
