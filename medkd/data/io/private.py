"""Files that hold identifiers: readable by their owner alone, never half written."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def writing_private(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, of mode 0600 from its first byte.

    Flushed to disk and renamed when the block ends well.
    """
    handle, temporary = _held_file(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def write_once(path: Path, text: str) -> None:
    """Write a private file unless it is there.

    Of several processes that do so at the same moment the first one's stays.
    """
    if path.exists():
        return
    handle, temporary = _held_file(path)
    try:
        temporary.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def private_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder below ``parent``, of mode 0700, which is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        handle = os.open(Path(name, _LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _lock(handle, 0)
            yield Path(name)
        finally:
            os.close(handle)


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed writers left in ``folder``; what another process is writing stays."""
    for path in folder.glob(".*.tmp"):
        with _free(path) as free:
            if free:
                path.unlink(missing_ok=True)


def sweep_folders(parent: Path, prefix: str) -> None:
    """Remove the private folders that killed processes left in ``parent``; those in use stay."""
    for path in parent.glob(f"{prefix}*"):
        with _free(path / _LOCK) as free:
            if free:
                shutil.rmtree(path, ignore_errors=True)


def _held_file(path: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        _lock(handle, 0)
        # Between its making and the lock another process may have swept it.
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)


@contextmanager
def _free(path: Path) -> Iterator[bool]:
    """Whether nobody holds a file; as long as the block lasts nobody else can."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        yield True
        return
    try:
        yield _lock(handle, fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _lock(handle: int, flags: int) -> bool:
    """Hold a file until its handle is closed or the process ends, however it ends; False if another does."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | flags)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: nothing can be known of others.
        return True
    return True
