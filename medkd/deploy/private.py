"""Files that hold identifiers: readable by their owner alone, never half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing_private(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, of mode 0600 from its first byte; flushed to disk and renamed when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep_temporaries(folder: Path) -> None:
    """Remove what a killed writer left in ``folder``."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)
