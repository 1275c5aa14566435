"""Tables that a hospital wrote, as text with the line of each row: CSV as spreadsheets export it, or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medkd.errors import InputError

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
MOST_BYTES = 2**30
"""Of a CSV file's text, unpacked, at most."""
_SEPARATORS = ",;\t"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class TextTable:
    r"""A table whose cells are text without blanks at their ends; an empty cell is null.

    Wholly empty rows are left out.

    Args:
        table: the cells; a byte that is not UTF-8 is written as ``\xfc``.
        lines: where each row is: "line 4", of Parquet "row 3".
        too_long: indices of rows that have more cells than the head.
        not_utf8: (index of a row, column) of cells that are not UTF-8.
        decimal_comma: whether numbers may have a comma: where columns are separated by semicolons.
    """

    table: pl.DataFrame
    lines: tuple[str, ...]
    too_long: frozenset[int] = frozenset()
    not_utf8: frozenset[tuple[int, str]] = frozenset()
    decimal_comma: bool = False


def read_text_table(path: Path, what: str) -> TextTable:
    """Read CSV (comma, semicolon or tab; UTF-8, or UTF-16 with its mark; gzipped or not) or Parquet.

    Args:
        path: the file, whose suffix (in any case) is one of ``SUFFIXES``.
        what: name of the table in messages.

    Raises:
        InputError: the file as a whole cannot be read, or names a column twice.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path, what)
    try:
        text = _decoded(_content(path, what), path, what)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is cut short or damaged"
        raise InputError(f"{what} cannot be read: {reason}", where=path, remedy="Copy it again") from error
    separator = _separator(text)
    try:
        rows = list(_rows(text, separator))
    except csv.Error as error:
        raise InputError(
            f"{what} cannot be read: a quotation mark is not closed, or is within a cell",
            where=path,
            remedy="Write a cell that holds quotation marks in quotation marks, each of them doubled",
        ) from error
    if not rows:
        raise InputError(f"{what} cannot be read: it is empty", where=path, remedy="Give a table with a line of names")
    (_, head), *body = rows
    names = _named(head, path, what)
    cells = [row[: len(names)] + [""] * (len(names) - len(row)) for _, row in body]
    columns = {
        name: [escaped(row[index].strip()) or None for row in cells]
        for index, name in enumerate(names)
        if name is not None
    }
    return TextTable(
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)),
        tuple(f"line {number}" for number, _ in body),
        frozenset(index for index, (_, row) in enumerate(body) if len(row) > len(names)),
        frozenset(
            (index, name)
            for index, row in enumerate(cells)
            for name, cell in zip(names, row, strict=True)
            if name is not None and not is_utf8(cell)
        ),
        separator == ";",
    )


def is_utf8(text: str) -> bool:
    """Whether a name, as Python got it from the system or a file, is UTF-8.

    >>> is_utf8("Müller"), is_utf8("M" + chr(0xDCFC) + "ller")
    (True, False)
    """
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def escaped(text: str) -> str:
    r"""A name with each byte that is not UTF-8 written as ``\xfc``.

    >>> print(escaped("M" + chr(0xDCFC) + "ller"))
    M\xfcller
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if not is_utf8(text) else text


def _content(path: Path, what: str) -> bytes:
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{what} unpacks to more than {MOST_BYTES >> 30} GiB", where=path, remedy="Divide it into several"
        )
    return content


def _decoded(content: bytes, path: Path, what: str) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding, "strict" if encoding == "utf-16" else "surrogateescape")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{what} cannot be read: its UTF-16 is damaged", where=path, remedy="Write it again as UTF-8 CSV"
        ) from error
    if "\0" in text[:4096]:
        raise InputError(
            f"{what} cannot be read: it is not text in UTF-8", where=path, remedy="Write it again as UTF-8 CSV"
        )
    return text


def _separator(text: str) -> str:
    """The one of comma, semicolon and tab that divides the first line into most cells; of equals the first."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=first.count)


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    for row in reader:
        while row and not row[-1].strip():
            row.pop()
        if row:
            yield number, row
        number = reader.line_num + 1


def _named(head: list[str], path: Path, what: str) -> list[str | None]:
    """The columns' names; None for one without a name."""
    names = [escaped(cell.strip()) or None for cell in head]
    for name in names:
        if name is not None and names.count(name) > 1:
            raise InputError(f"{what} has two columns '{name}'", where=path, remedy="Keep one of them")
    return names


def _parquet(path: Path, what: str) -> TextTable:
    try:
        table = pl.read_parquet(path).select(pl.all().cast(pl.String).str.strip_chars().replace("", None))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{what} cannot be read: it is not Parquet, is damaged, or holds lists",
            where=path,
            remedy="Write it again as UTF-8 CSV or Parquet",
        ) from error
    table = table.with_row_index("__row", offset=1).filter(~pl.all_horizontal(pl.exclude("__row").is_null()))
    return TextTable(table.drop("__row"), tuple(f"row {number}" for number in table["__row"]))
