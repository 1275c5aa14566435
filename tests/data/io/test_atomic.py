"""A file or folder is there whole, as it was before, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from medkd.data.io.atomic import write_json, write_text, writing, writing_folder, written_once
from medkd.errors import InputError

KILLED_FILE = """
import os, signal, sys
from pathlib import Path
from medkd.data.io.atomic import writing
with writing(Path(sys.argv[1])) as temporary:
    with temporary.open("w") as file:
        file.write("half"); file.flush(); os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_FOLDER = """
import os, signal, sys
from pathlib import Path
from medkd.data.io.atomic import writing_folder
with writing_folder(Path(sys.argv[1])) as out:
    (out / "first").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    file = tmp_path / "deep" / "report.json"
    write_text(file, "old")

    def fail() -> None:
        with writing(file) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        fail()
    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failed_folder_leaves_the_old_one_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    folder = tmp_path / "deep" / "bank"
    with writing_folder(folder) as out:
        (out / "kept").write_text("old")

    def fail() -> None:
        with writing_folder(folder) as out:
            (out / "kept").write_text("half")
            raise failure

    with pytest.raises(failure):
        fail()
    assert (folder / "kept").read_text() == "old"
    assert list(folder.parent.iterdir()) == [folder]


def test_folder_replaces_the_whole_of_an_old_one(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with writing_folder(tmp_path / "bank") as out:
            (out / name).write_text(name)
    assert [path.name for path in (tmp_path / "bank").iterdir()] == ["second"]


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    with writing_folder(tmp_path / "folder"):
        pass
    assert [os.stat(tmp_path / name).st_mode & 0o777 for name in ("file", "folder")] == [0o644, 0o755]


def test_json_refuses_nan_and_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_json(file, {"auroc": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        write_json(file, {"auroc": float("nan")})
    assert json.loads(file.read_text()) == {"auroc": 0.5}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("old", [True, False])
def test_killed_file_is_the_old_one_or_none(tmp_path: Path, old: bool) -> None:
    file = tmp_path / "report.json"
    if old:
        file.write_text("old")
    died = subprocess.run([sys.executable, "-c", KILLED_FILE, str(file)], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr.decode()
    assert (file.read_text() == "old") if old else not file.exists()
    write_text(file, "new")
    assert file.read_text() == "new"


def test_killed_folder_is_none(tmp_path: Path) -> None:
    died = subprocess.run(
        [sys.executable, "-c", KILLED_FOLDER, str(tmp_path / "bank")], capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr.decode()
    assert not (tmp_path / "bank").exists()


def test_readers_never_see_half_a_file_while_two_write(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    texts = [letter * 200_000 for letter in "ab"]
    write_text(file, texts[0])
    writers = [threading.Thread(target=lambda text=text: [write_text(file, text) for _ in range(30)]) for text in texts]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(file.read_text())
    assert seen <= set(texts)
    assert list(tmp_path.iterdir()) == [file]


@dataclass(frozen=True)
class Settings:
    patients: int


def test_a_synthetic_cohort_is_written_once_and_replaced_with_other_settings(tmp_path: Path) -> None:
    calls: list[Path] = []

    def write(folder: Path) -> None:
        calls.append(folder)
        (folder / f"{len(calls)}.csv").write_text("row")

    for patients in (3, 3, 4):
        assert written_once(tmp_path / "demo", "demo", Settings(patients), write) == tmp_path / "demo"
    assert len(calls) == 2
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == ["2.csv", "demo.json"]


def test_a_synthetic_cohort_replaces_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something that is not a demo"):
        written_once(tmp_path, "demo", Settings(3), lambda folder: None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
