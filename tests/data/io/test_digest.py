"""Digests: equal for equal content, different for any other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from medkd.data.io.digest import digest_file, digest_of


@dataclass
class Settings:
    rate: float
    leads: tuple[str, ...]


def test_order_of_keys_and_kind_of_sequence_do_not_matter() -> None:
    first = digest_of({"b": 1, "a": Settings(100.0, ("I", "II")), "c": Path("x") / "y"})
    assert first == digest_of({"a": {"leads": ["I", "II"], "rate": 100.0}, "c": "x/y", "b": 1})


def test_every_other_value_has_another_digest() -> None:
    values = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": None}, {"a": [1]}, {"b": 1}, {"a": True}, {"a": [1, 2]}]
    assert len({digest_of(value) for value in [*values, {"a": [2, 1]}]}) == 9


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_a_value_without_a_canonical_form_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest_of({"a": value})


def test_a_file_has_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert digest_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()
