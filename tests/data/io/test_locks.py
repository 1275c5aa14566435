"""Locked temporary folders: what a killed process left goes, what a living one fills stays."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from medkd.data.io.locks import locked_folder, sweep

HELD = """
import sys, time
from pathlib import Path
from medkd.data.io.locks import locked_folder
with locked_folder(Path(sys.argv[1]), ".copy-") as folder:
    (folder / "rows").write_text("1")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".copy-old").mkdir()
    (tmp_path / ".copy-old" / "rows").write_text("left by a killed process")
    with locked_folder(tmp_path, ".copy-") as folder:
        (folder / "rows").write_text("1")
        sweep(tmp_path, ".copy-*")
        assert list(tmp_path.iterdir()) == [folder]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(tmp_path.iterdir())


def test_another_process_keeps_its_folder_until_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HELD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        folder = Path(other.stdout.readline().strip())
        sweep(tmp_path, ".copy-*")
        assert (folder / "rows").read_text() == "1"
        os.kill(other.pid, signal.SIGKILL)
    assert folder.is_dir(), "a killed process cleans nothing"
    sweep(tmp_path, ".copy-*")
    assert not list(tmp_path.iterdir())


def test_only_names_of_the_pattern_are_swept(tmp_path: Path) -> None:
    for name in (".copy-a", "copy-a", ".other-a"):
        (tmp_path / name).mkdir()
    (tmp_path / ".copy-file").write_text("left by a killed process")
    sweep(tmp_path, ".copy-*")
    assert {path.name for path in tmp_path.iterdir()} == {"copy-a", ".other-a"}
    sweep(tmp_path / "missing", ".copy-*")


def test_a_folder_swept_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medkd.data.io import locks

    original, calls = locks._lock, []

    def swept_first(folder: Path) -> object:
        calls.append(folder)
        if len(calls) == 1:
            folder.rmdir()
        return original(folder)

    monkeypatch.setattr(locks, "_lock", swept_first)
    with locked_folder(tmp_path, ".copy-") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(tmp_path.iterdir())


def test_a_failing_block_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with locked_folder(tmp_path, ".copy-") as folder:
            (folder / "rows").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert not list(tmp_path.iterdir())
