"""Rows of a query kept on the disk while they are needed, so that they need not fit in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl


@contextmanager
def spooled(rows: pl.LazyFrame, folder: Path) -> Iterator[pl.LazyFrame]:
    """The rows of a query, computed once and a batch at a time, in a file below ``folder`` that goes when the block ends.

    >>> with tempfile.TemporaryDirectory() as folder, spooled(pl.LazyFrame({"a": [1, 2]}), Path(folder)) as kept:
    ...     kept.select(pl.col("a").sum()).collect().item()
    3
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".spool-", dir=folder) as place:
        file = Path(place) / "rows.parquet"
        rows.sink_parquet(file, compression="lz4", engine="streaming")
        yield pl.scan_parquet(file)
