"""Nothing is left behind where the input was wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medkd.errors import InputError


@contextmanager
def unless_wrong(run: Path) -> Iterator[None]:
    """Remove ``run`` again when the block ends in an ``InputError`` and the folder was not there before; else leave it.

    What was interrupted, or begun earlier, stays to be gone on with.
    """
    created = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        yield
    except InputError:
        if run in created:
            shutil.rmtree(run, ignore_errors=True)
        for folder in created[1:]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
