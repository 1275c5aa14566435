"""Signals that lie in tables shared by many items: copied out for the time of a run, for its owner alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medkd.data.io.private import private_folder, sweep_folders
from medkd.deploy.inference.manifest import Items

_EXTRACT = ".extract-"


@contextmanager
def extracted(items: Items, out: Path) -> Iterator[Items]:
    """The items with a file each to read.

    What had to be written for that lies below ``out`` (mode 0700) until the block ends.

    Raises:
        InputError: a shared table cannot be read.
    """
    if items.extract is None:
        yield items
        return
    with private_folder(out, _EXTRACT) as folder:
        yield items.placed(folder)


@contextmanager
def listed(items: Items, out: Path) -> Iterator[Path]:
    """The table of items as a Parquet file below ``out`` (in a folder of mode 0700), for processes elsewhere, until the block ends."""
    with private_folder(out, _EXTRACT) as folder:
        items.table.write_parquet(folder / "items.parquet")
        yield folder / "items.parquet"


def sweep_extracts(out: Path) -> None:
    """Remove what killed runs left in ``out``."""
    sweep_folders(out, _EXTRACT)
