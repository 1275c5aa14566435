"""Locked temporary folders: what a killed process left is removed, what another one is filling is not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = ".lock"


@contextmanager
def locked_folder(parent: Path, prefix: str, suffix: str = "") -> Iterator[Path]:
    """A new folder below ``parent``, of mode 0700, locked while the block runs and removed when it ends.

    Args:
        parent: an existing folder.
        prefix, suffix: of the new folder's name, by which ``sweep`` finds it after a kill.
    """
    temporary, lock = _create(parent, prefix, suffix)
    with temporary:
        try:
            yield Path(temporary.name)
        finally:
            # Before the folder goes: a network file system keeps an open file, and with it the folder.
            lock.release()


def sweep(parent: Path, pattern: str) -> None:
    """Remove what killed processes left in ``parent``; folders that a living process has locked stay.

    Args:
        parent: the folder given to ``locked_folder``; it may be missing.
        pattern: glob of the names, e.g. ``.building-*``.
    """
    for path in parent.glob(pattern):
        if not path.is_dir():
            path.unlink(missing_ok=True)
            continue
        lock = _lock(path)
        try:
            lock.acquire(blocking=False)
        except (Timeout, PermissionError):
            continue
        except OSError:
            # A file system without locks, or a folder that is already gone: nothing is known of other processes.
            pass
        shutil.rmtree(path, ignore_errors=True)
        lock.release()


def _create(parent: Path, prefix: str, suffix: str) -> tuple[tempfile.TemporaryDirectory[str], FileLock]:
    while True:
        temporary = tempfile.TemporaryDirectory(prefix=prefix, suffix=suffix, dir=parent)
        folder = Path(temporary.name)
        lock = _lock(folder)
        # A file system without locks: it is used all the same.
        with suppress(OSError):
            lock.acquire()
        # Between its creation and the lock another process may have swept it; the lock makes it again, open to others.
        with suppress(FileNotFoundError):
            folder.chmod(0o700)
            return temporary, lock
        lock.release()
        temporary.cleanup()


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / _LOCK, mode=0o600)
