"""Tables as their publishers ship them: ``name.csv``, ``name.csv.gz``, or either inside a ``.zip`` or ``.tar.gz``."""

from __future__ import annotations

import csv
import gzip
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import polars as pl
from polars.io.plugins import register_io_source

from medkd.data.io.archive import is_archive, open_members, refuse_gzip_bomb
from medkd.errors import InputError

SUFFIXES = (".csv", ".csv.gz")
"""Of a table, in order of preference: an uncompressed one is read faster."""
_DEPTH = 2
"""Levels of folders below the root that are searched, as for ``hosp/labevents.csv.gz`` of a folder of data sets."""

_LONGEST_HEADER = 1 << 20
"""Bytes; a file without line ends is not a table."""
_MOMENT = "%Y-%m-%d %H:%M:%S"
"""Format of times in most tables."""


@dataclass(frozen=True)
class Table:
    """Location of a table.

    Args:
        path: a CSV file, or the archive that holds it.
        member: its name in the archive; "" for a file.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.member}" if self.member else self.path.name


def find_table(root: Path, name: str) -> Table | None:
    """The table of that name below ``root``, whatever its case; None where there is none.

    A plain file is preferred to a compressed one, and both to an archive.

    Args:
        root: the data set's folder.
        name: of the table, without suffix.
    """
    wanted = [name.lower() + suffix for suffix in SUFFIXES]
    files = [file for depth in range(_DEPTH + 1) for file in sorted(root.glob("*/" * depth + "*")) if file.is_file()]
    for suffix in wanted:
        for file in files:
            if file.name.lower() == suffix:
                return Table(file)
    for file in filter(is_archive, files):
        members = _members(file, file.stat().st_mtime_ns)
        for suffix in wanted:
            for member in members:
                if member.lower().rsplit("/", 1)[-1] == suffix:
                    return Table(file, member)
    return None


def scan_table(root: Path, name: str, columns: Mapping[str, Any] | None = None) -> pl.LazyFrame:
    """A published table, column names in lower case, read in a streaming way when the frame is collected.

    Text that is not a number where ``columns`` asks for one is null, for the caller to count; likewise a time.

    Args:
        root: the data set's folder.
        name: of the table, without suffix; its case does not matter.
        columns: the wanted ones, in lower case, with their types; None: all, as text.

    Raises:
        InputError: there is no such table, it has no such column, or it is not a CSV; while it is collected: it is
            truncated.
    """
    table = find_table(root, name)
    if table is None:
        raise InputError(
            f"no table {name} (.csv, .csv.gz, in a .zip or a .tar.gz)", where=root, remedy="Copy it as published"
        )
    published = {column.lower(): column for column in _header(table)}
    wanted = dict.fromkeys(published, pl.String) if columns is None else dict(columns)
    for column in wanted:
        if column not in published:
            raise InputError(
                f"{table} has no column '{column}'",
                where=table.path.parent,
                remedy=f"It has: {', '.join(published) or 'none'}",
            )
    types = {column: pl.Datetime("us") if kind is pl.Datetime else kind for column, kind in wanted.items()}
    return register_io_source(
        _Source(table, {published[column]: column for column in wanted}, types), schema=pl.Schema(types), is_pure=True
    )


@dataclass(frozen=True)
class _Source:
    """Batches of a table for polars, with errors of the file as ``InputError``."""

    table: Table
    renamed: Mapping[str, str]
    types: Mapping[str, Any]

    def __call__(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        with _as_file(self.table) as path, _input_errors(self.table):
            published = {column: name for name, column in self.renamed.items()}
            times = {column: kind for column, kind in self.types.items() if kind.is_temporal()}
            frame = pl.scan_csv(
                path,
                infer_schema=False,
                schema_overrides={
                    name: pl.String if column in times else self.types[column] for name, column in self.renamed.items()
                },
                ignore_errors=True,
                low_memory=True,
            )
            chosen = list(columns or self.types)
            frame = frame.select(pl.col(published[column]).alias(column) for column in chosen)
            # Parsing times costs most: where the predicate does not need them, only those of the remaining rows are
            # parsed.
            early = predicate is not None and not set(predicate.meta.root_names()) & set(times)
            if predicate is not None and early:
                frame = frame.filter(predicate)
            frame = frame.with_columns(
                pl.col(name)
                .map_batches(_moments, return_dtype=pl.Datetime("us"), is_elementwise=True)
                .cast(times[name])
                for name in chosen
                if name in times
            )
            if predicate is not None and not early:
                frame = frame.filter(predicate)
            yield from (frame if rows is None else frame.head(rows)).collect_batches(chunk_size=batch_size)


def _moments(text: pl.Series) -> pl.Series:
    """Times in the usual format, at a sixth of the cost of inferring it; where any is in another, all are inferred."""
    moments = text.str.to_datetime(_MOMENT, time_unit="us", strict=False)
    return moments if moments.null_count() == text.null_count() else text.str.to_datetime(time_unit="us", strict=False)


@contextmanager
def _as_file(table: Table) -> Iterator[Path]:
    """The table as a file that polars can stream.

    A member of an archive is copied out of it, away from the user's folder.
    """
    if not table.member:
        yield table.path
        return
    with tempfile.TemporaryDirectory(prefix="medkd-") as folder:
        copy = Path(folder) / table.member.rsplit("/", 1)[-1]
        for name, handle in open_members(table.path, table.member.lower()):
            if name == table.member:
                with copy.open("wb") as out:
                    shutil.copyfileobj(handle, out, 1 << 20)
                break
        yield copy


@contextmanager
def _input_errors(table: Table) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError) as error:
        raise InputError(
            f"{table} is truncated or damaged", where=table.path.parent, remedy="Copy the published file again"
        ) from error
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{table} is not a readable CSV", where=table.path.parent, remedy="Copy the published file again"
        ) from error


@lru_cache(maxsize=64)
def _members(path: Path, stamp: int) -> tuple[str, ...]:
    """Names of the tables in an archive that last changed at ``stamp``."""
    return tuple(name for name, _ in open_members(path, SUFFIXES))


def _header(table: Table) -> list[str]:
    with _input_errors(table):
        if not table.member:
            if table.path.name.lower().endswith(".gz"):
                refuse_gzip_bomb(table.path)
            with table.path.open("rb") as handle:
                return _first_row(handle, table)
        for name, member in open_members(table.path, table.member.lower()):
            if name == table.member:
                return _first_row(member, table)
    raise InputError(f"{table} is gone", where=table.path.parent)


def _first_row(handle: IO[bytes], table: Table) -> list[str]:
    with gzip.open(handle) if str(table).lower().endswith(".gz") else nullcontext(handle) as data:
        return next(csv.reader([data.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")]), [])
