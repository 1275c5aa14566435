"""Sums name every file of a bundle, and nothing else opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkd.deploy.bundle.checksums import SUMS, read_checked, write_sums
from medkd.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "b.txt").write_bytes(b"text")
    write_sums(tmp_path)
    return tmp_path


def test_every_file_is_read_with_its_sums(folder: Path) -> None:
    assert read_checked(folder) == {SUMS: (folder / SUMS).read_bytes(), "a.json": b"{}", "b.txt": b"text"}
    (folder / ".git").mkdir()
    assert set(read_checked(folder)) == {SUMS, "a.json", "b.txt"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("# schema_version: 1\n", ""),
        lambda text: text.rstrip("\n"),
        lambda text: text + text.splitlines()[1] + "\n",
        lambda text: text.replace("  a.json", "  ../a.json"),
        lambda text: "",
    ],
)
def test_sums_that_were_edited_are_refused(folder: Path, spoil: object) -> None:
    (folder / SUMS).write_text(spoil((folder / SUMS).read_text()))  # type: ignore[operator]
    with pytest.raises(InputError, match="'SHA256SUMS' was changed"):
        read_checked(folder)


def test_a_changed_a_missing_and_an_extra_file_are_named(folder: Path) -> None:
    (folder / "b.txt").write_bytes(b"texd")
    with pytest.raises(InputError, match=r"'b\.txt' was changed"):
        read_checked(folder)
    (folder / "b.txt").unlink()
    with pytest.raises(InputError, match=r"'b\.txt' is missing"):
        read_checked(folder)
    (folder / "c").write_bytes(b"")
    with pytest.raises(InputError, match="extra file 'c'"):
        read_checked(folder)
