"""With its key a name has one hash, and no name is left in a text."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from medkd.deploy.inference.pseudonym import KEY_FILE, KEY_VARIABLE, Pseudonyms, identifiers_in


def test_each_folder_has_a_key_of_its_own_and_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (tmp_path / "other").mkdir()
    first = Pseudonyms.for_folder(tmp_path)
    assert Pseudonyms.for_folder(tmp_path) == first
    assert Pseudonyms.for_folder(tmp_path / "other").hash("a") != first.hash("a")
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    monkeypatch.setenv(KEY_VARIABLE, "the hospital's")
    assert Pseudonyms.for_folder(tmp_path) == Pseudonyms.for_folder(tmp_path / "other") == Pseudonyms(b"the hospital's")


def test_whole_names_are_replaced_the_longest_first() -> None:
    names = Pseudonyms(b"key")
    text = names.redact("ward/17 and 17, not 170", ["17", "ward/17", ""])
    assert text == f"{names.hash('ward/17')} and {names.hash('17')}, not 170"


def test_every_part_of_a_path_may_name_a_person() -> None:
    assert identifiers_in({"sample_id": "a/b", "ecg": "rossi/1.dat", "zero_hour": 3.0, "subject_id": None}) == {
        *("a/b", "a", "b", "rossi/1.dat", "rossi", "1.dat", "1")
    }
