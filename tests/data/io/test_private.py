"""What a killed writer left is swept; what another is writing is not."""

from __future__ import annotations

import stat
from pathlib import Path

from medkd.data.io.private import private_folder, sweep_folders, sweep_temporaries, write_once, writing_private


def test_what_is_being_written_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".old.tmp").write_text("left by a killed process")
    with writing_private(tmp_path / "it") as temporary:
        temporary.write_text("whole")
        sweep_temporaries(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [temporary.name]
    assert (tmp_path / "it").read_text() == "whole"
    assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == 0o600


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".copy-old").mkdir()
    (tmp_path / ".copy-old" / "rows").write_text("left by a killed process")
    with private_folder(tmp_path, ".copy-") as folder:
        (folder / "rows").write_text("1")
        sweep_folders(tmp_path, ".copy-")
        assert list(tmp_path.iterdir()) == [folder]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(tmp_path.iterdir())


def test_of_several_writers_the_first_one_stays(tmp_path: Path) -> None:
    write_once(tmp_path / "key", "first")
    write_once(tmp_path / "key", "second")
    assert (tmp_path / "key").read_text() == "first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
