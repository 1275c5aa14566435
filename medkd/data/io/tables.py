"""Tables as their publishers ship them: ``name.csv``, ``name.csv.gz``, or either inside a ``.zip`` or ``.tar.gz``."""

from __future__ import annotations

import csv
import gzip
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import polars as pl
from polars.io.plugins import register_io_source

from medkd.data.io.archive import is_archive, open_members, refuse_gzip_bomb
from medkd.data.io.moments import as_form, form_of, usual
from medkd.data.io.text import separator_of
from medkd.errors import InputError

SUFFIXES = (".csv", ".csv.gz")
"""Of a table, in order of preference: an uncompressed one is read faster."""
_DEPTH = 2
"""Levels of folders below the root that are searched, as for ``hosp/labevents.csv.gz`` of a folder of data sets."""

_LONGEST_HEADER = 1 << 20
"""Bytes; a file without line ends is not a table."""


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

    Raises:
        InputError: there are two of it: which one is meant cannot be told, and tables could be mixed from two copies.
    """
    wanted = [name.lower() + suffix for suffix in SUFFIXES]
    files = [file for depth in range(_DEPTH + 1) for file in sorted(root.glob("*/" * depth + "*")) if file.is_file()]
    copies: dict[str, list[Path]] = {
        suffix: [file for file in files if file.name.lower() == suffix] for suffix in wanted
    }
    for suffix, same in copies.items():
        # A table and its compressed twin in one folder are one; those of two folders at one depth are two.
        others = [file for other in wanted for file in copies[other] if other != suffix and same]
        others = [file for file in others if file.parent != same[0].parent and len(file.parts) == len(same[0].parts)]
        if len(same) > 1 or others:
            first, second = [*same, *others][:2]
            raise _two_copies(name, first.relative_to(root).as_posix(), second.relative_to(root).as_posix(), root)
        if same:
            return Table(same[0])
    held = [
        (file, member)
        for file in filter(is_archive, files)
        for suffix in wanted
        for member in _members(file, file.stat().st_mtime_ns)
        if member.lower().rsplit("/", 1)[-1] == suffix
    ]
    if not held:
        return None
    for file, member in held[1:]:
        # One set is published as .zip and as .tar.gz; two of the same kind are two sets.
        if file == held[0][0] or file.suffix == held[0][0].suffix:
            if file == held[0][0] and member.rsplit("/", 1)[0] == held[0][1].rsplit("/", 1)[0]:
                continue
            raise _two_copies(name, str(Table(*held[0])), str(Table(file, member)), root)
    return Table(*held[0])


def _two_copies(name: str, first: str, second: str, root: Path) -> InputError:
    return InputError(
        f"two tables {name}: {first} and {second}", where=root, remedy="Give the folder of one copy, or move the other"
    )


def scan_table(
    root: Path, name: str, columns: Mapping[str, Any] | None = None, optional: Collection[str] = ()
) -> pl.LazyFrame:
    """A published table, column names in lower case, read in a streaming way when the frame is collected.

    Text that is not a number where ``columns`` asks for one is null, for the caller to count; likewise a time. Times of
    a column are read in one form, see ``medkd.data.io.moments``.

    Args:
        root: the data set's folder.
        name: of the table, without suffix; its case does not matter.
        columns: the wanted ones, in lower case, with their types; None: all, as text.
        optional: those of ``columns`` that are null where the table does not have them.

    Raises:
        InputError: there is no such table, or two; it has no such column, or it is not a CSV; while it is collected: it
            is truncated, or the form of its times cannot be told.
    """
    table = find_table(root, name)
    if table is None:
        raise InputError(
            f"no table {name} (.csv, .csv.gz, in a .zip or a .tar.gz)", where=root, remedy="Copy it as published"
        )
    header = _header(table)
    separator = separator_of(header)
    published = {column.lower(): column for column in next(csv.reader([header], delimiter=separator), [])}
    wanted = dict.fromkeys(published, pl.String) if columns is None else dict(columns)
    absent = [column for column in optional if column in wanted and column not in published]
    wanted = {column: kind for column, kind in wanted.items() if column not in absent}
    for column in wanted:
        if column not in published:
            raise InputError(
                f"{table} has no column '{column}'",
                where=table.path.parent,
                remedy=f"It has: {', '.join(published) or 'none'}",
            )
    types = {column: pl.Datetime("us") if kind is pl.Datetime else kind for column, kind in wanted.items()}
    frame = register_io_source(
        _Source(table, {published[column]: column for column in wanted}, types, separator),
        schema=pl.Schema(types),
        is_pure=True,
    )
    return frame.with_columns(pl.lit(None, dtype=(columns or {})[column]).alias(column) for column in absent)


@dataclass(frozen=True)
class _Source:
    """Batches of a table for polars, with errors of the file as ``InputError``."""

    table: Table
    renamed: Mapping[str, str]
    types: Mapping[str, Any]
    separator: str

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
                separator=self.separator,
                encoding="utf8-lossy",
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
            moments = _Moments(self.table, path, published, self.separator)
            left = rows
            for batch in frame.collect_batches(chunk_size=batch_size):
                read = batch.with_columns(
                    moments.of(batch[name], name).cast(times[name]).alias(name) for name in chosen if name in times
                )
                if predicate is not None and not early:
                    read = read.filter(predicate)
                if left is not None:
                    read, left = read.head(left), left - min(left, read.height)
                yield read
                if left == 0:
                    return


class _Moments:
    """Times of a table's columns, each in one form for all of it.

    Args:
        table: for messages.
        path: its file.
        published: column → its name in the file.
        separator: between columns.
    """

    def __init__(self, table: Table, path: Path, published: Mapping[str, str], separator: str) -> None:
        self._table, self._path, self._published, self._separator = table, path, published, separator
        self._forms: dict[str, str] = {}

    def of(self, text: pl.Series, column: str) -> pl.Series:
        """Times of a part of a column; the whole of it is read only where a row is not in the usual form."""
        if column not in self._forms:
            moments = usual(text)
            if moments is not None:
                return moments
            self._forms[column] = self._form(column)
        return as_form(text, self._forms[column])

    def _form(self, column: str) -> str:
        name = self._published[column]
        table = pl.scan_csv(
            self._path,
            separator=self._separator,
            encoding="utf8-lossy",
            infer_schema=False,
            ignore_errors=True,
            low_memory=True,
        )
        whole = table.select(name).unique()
        where = f"{self._table}, column '{column}'"
        return form_of(whole.collect(engine="streaming").to_series(), where)


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


def _header(table: Table) -> str:
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


def _first_row(handle: IO[bytes], table: Table) -> str:
    with gzip.open(handle) if str(table).lower().endswith(".gz") else nullcontext(handle) as data:
        return data.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
