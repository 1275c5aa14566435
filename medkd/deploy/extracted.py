"""Signals that lie in tables shared by many items: copied out for the time of a run, for its owner alone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medkd.deploy.manifest import Items

_EXTRACT = ".extract-"


@contextmanager
def extracted(items: Items, out: Path) -> Iterator[Items]:
    """The items with a file each to read; what had to be written for that lies below ``out`` (mode 0700) until the block ends.

    Raises:
        InputError: a shared table cannot be read.
    """
    if items.extract is None:
        yield items
        return
    with tempfile.TemporaryDirectory(prefix=_EXTRACT, dir=out) as folder:
        yield items.placed(Path(folder))


def sweep_extracts(out: Path) -> None:
    """Remove what killed runs left in ``out``."""
    for left in out.glob(f"{_EXTRACT}*"):
        shutil.rmtree(left, ignore_errors=True)
