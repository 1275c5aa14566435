"""Private files: modes, whole writes, and temporaries of killed writers."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from medkd.data.io.private import sweep_temporaries, write_once, writing_private


def test_what_is_being_written_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".old.tmp").write_text("left by a killed process")
    with writing_private(tmp_path / "it") as temporary:
        temporary.write_text("whole")
        sweep_temporaries(tmp_path)
        assert list(tmp_path.iterdir()) == [temporary.parent]
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        assert stat.S_IMODE(temporary.parent.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    assert (tmp_path / "it").read_text() == "whole"
    assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("old")

    def write() -> None:
        with writing_private(tmp_path / "it") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert (tmp_path / "it").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_of_several_writers_the_first_one_stays(tmp_path: Path) -> None:
    write_once(tmp_path / "key", "first")
    write_once(tmp_path / "key", "second")
    assert (tmp_path / "key").read_text() == "first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
