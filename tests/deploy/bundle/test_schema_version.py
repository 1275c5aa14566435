"""Version N is read by N+1; a newer one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.deploy.bundle.schema_version import read_versioned
from medkd.errors import InputError


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in document.items() if key != "lead"}, "leads": [document["lead"]]}


def test_an_older_file_is_upgraded_step_by_step() -> None:
    upgrades = {1: _renamed, 2: lambda document: {**document, "rate": 100}}
    found = read_versioned(
        b'{"schema_version": 1, "lead": "I"}', "x.json", current=3, keys=["leads", "rate"], upgrades=upgrades
    )
    assert found == {"schema_version": 3, "leads": ["I"], "rate": 100}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"schema_version: 3\na: 1", "schema_version 3 is newer than 2"),
        (b"schema_version: 1\na: 1", "schema_version 1 is too old"),
        (b"schema_version: true\na: 1", "no schema_version"),
        (b"a: 1", "no schema_version"),
        (b"schema_version: 2\nb: 1", "unknown key 'b'"),
        (b"schema_version: 2", "no key 'a'"),
        (b"- 1", "holds no keys"),
        (b"", "holds no keys"),
        (b"a: [", "cannot be parsed"),
        (b"\xff\xfe\x00", "cannot be parsed"),
    ],
)
def test_what_cannot_be_read_ends_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_versioned(content, "x.yaml", current=2, keys=["a"])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
