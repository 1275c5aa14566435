"""Text of tables that people export: UTF-8, UTF-16 or Latin-1, gzipped or not, with any of four separators."""

from __future__ import annotations

import csv
import gzip
import zlib
from io import BytesIO
from pathlib import Path

import polars as pl

from medkd.data.io.archive import refuse_gzip_bomb
from medkd.errors import RecordError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
"""Of a table of text, in any case."""
MOST_BYTES = 1 << 31
"""Of a table that is read as a whole, unpacked, at most."""
SEPARATORS = ",;\t|"
HEAD = 1 << 16
"""Bytes in which the line of names is looked for."""
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def is_text_table(path: Path) -> bool:
    """Whether a file is a table of text, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def head_of(path: Path) -> str:
    """The beginning of a table of text, in whole lines; "" where it cannot be read."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as handle:
            content = handle.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return ""
    text = decoded(content[: len(content) // 2 * 2] if content[:2] in _MARKS else content)
    return text if len(content) < HEAD else text[: text.rfind("\n") + 1]


def text_of(path: Path) -> str:
    """A whole table of text.

    Raises:
        RecordError: it is damaged, empty, or unpacks to too much.
    """
    try:
        packed = path.name.lower().endswith(".gz")
        if packed:
            refuse_gzip_bomb(path)
        with gzip.open(path) if packed else path.open("rb") as handle:
            content = handle.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordError("is truncated or damaged", where=path.name, remedy="Copy it again") from error
    if len(content) > MOST_BYTES:
        raise RecordError(f"holds more than {MOST_BYTES >> 30} GiB", where=path.name, remedy="Write a file per stay")
    text = decoded(content)
    if not text.strip():
        raise RecordError("is empty", where=path.name, remedy="Export it again")
    return text


def decoded(content: bytes) -> str:
    """Text in the encoding that its mark names; without a mark UTF-8, else what Windows writes for western Europe.

    >>> [decoded("37 °C".encode(name)) for name in ("utf-8", "utf-8-sig", "utf-16", "latin-1")]
    ['37 °C', '37 °C', '37 °C', '37 °C']
    """
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return content.decode(name, errors="replace")
    # Of ASCII in UTF-16 every second byte is zero; it may come without its mark.
    if b"\0" in content[:64]:
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # The beginning of a file may end within a character.
        whole = error.start >= len(content) - 3 and len(content) == HEAD
        return content.decode("utf-8", errors="ignore") if whole else content.decode("cp1252", errors="replace")


def separator_of(line: str) -> str:
    r"""The separator that divides a line of names into most columns; of equals the first.

    >>> separator_of("hours;value"), separator_of("hours\tvalue,unit\tx"), separator_of("hours")
    (';', '\t', ',')
    """
    return max(SEPARATORS, key=lambda sign: len(next(csv.reader([line], delimiter=sign), [])))


def names_in(line: str) -> list[str]:
    """The names of columns in a line, without blanks at their ends."""
    return [name.strip().strip("\ufeff") for name in next(csv.reader([line], delimiter=separator_of(line)), [])]


def table_of(text: str, where: str) -> pl.DataFrame:
    """A table whose first line names its columns, all cells as text without blanks at their ends; "" is null.

    Raises:
        RecordError: it is not a table.
    """
    first = text[: text.find("\n") if "\n" in text else len(text)].rstrip("\r")
    try:
        table = pl.read_csv(
            BytesIO(text.encode("utf-8", errors="replace")),
            separator=separator_of(first),
            infer_schema=False,
            truncate_ragged_lines=False,
        )
    except pl.exceptions.NoDataError as error:
        raise RecordError("is empty", where=where, remedy="Export it again") from error
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise RecordError("is not a readable table", where=where, remedy="Write Parquet or CSV") from error
    return table.select(pl.all().str.strip_chars().replace("", None)).rename(lambda name: name.strip().strip("\ufeff"))
