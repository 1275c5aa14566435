"""Files that hold identifiers: readable by their owner alone, never half written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medkd.data.io.locks import locked_folder, sweep

_TEMPORARY = ".tmp"
"""Suffix of the folders in which files are written before they are renamed."""


@contextmanager
def writing_private(path: Path) -> Iterator[Path]:
    """A temporary file on the same file system as ``path``, of mode 0600 from its first byte.

    Flushed to disk and renamed when the block ends well, removed when it does not.
    """
    with _temporary_file(path) as temporary:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        temporary.replace(path)


def write_once(path: Path, text: str) -> None:
    """Write a private file unless it exists.

    Of several processes that do so at the same moment the first one's file stays.
    """
    if path.exists():
        return
    with _temporary_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            os.link(temporary, path)


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed writers left in ``folder``; what another process is writing stays."""
    sweep(folder, f".*{_TEMPORARY}")


@contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    with locked_folder(path.parent, f".{path.name}.", _TEMPORARY) as folder:
        temporary = folder / path.name
        temporary.touch(mode=0o600)
        yield temporary
