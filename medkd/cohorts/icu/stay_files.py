"""Files of one stay each, thousands of them in an archive, read as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkd.data.io.archive import read_members
from medkd.errors import InputError


def read_stay_files(
    sources: Sequence[Path], suffix: str, columns: Mapping[str, Any], separator: str = ","
) -> tuple[pl.DataFrame, list[str]]:
    """All lines of all files in one table, and the names of files without a stay.

    The files are parsed as one text, since parsing each alone takes many times as long. A word where a number is
    expected is null. A column ``stay`` is added: the file's name without folder and suffix, or, where an earlier file
    had that name, with them (and so with a slash).

    Args:
        sources: folders or archives.
        suffix: ending of the files' names.
        columns: column → type, in the order of every file's first line.
        separator: between columns.

    Raises:
        InputError: an archive is damaged, or no file in it is of a stay.
    """
    header = separator.join(columns).encode()
    texts: list[bytes] = []
    names: dict[str, int] = {}
    refused: list[str] = []
    example = b""
    for source in sources:
        for name, text in read_members(source, suffix):
            first, _, rest = text.replace(b"\r\n", b"\n").strip().partition(b"\n")
            example = example or first
            if first != header or not rest or not rest.isascii() or b"\n\n" in rest:
                refused.append(name)
                continue
            stem = name.rsplit("/", 1)[-1].removesuffix(suffix)
            names[stem if stem not in names else f"{source.name}/{name}#{len(texts)}"] = rest.count(b"\n") + 1
            texts.append(rest)
    if not texts:
        missing = next(
            (column for column in columns if column not in example.decode(errors="replace").split(separator)), None
        )
        what = f"no file{suffix} holds a stay" + (f": no column '{missing}'" if missing and refused else "")
        raise InputError(what, where=", ".join(source.name for source in sources), remedy="Copy the files as published")
    table = pl.read_csv(
        b"\n".join(texts),
        has_header=False,
        schema=columns,
        separator=separator,
        quote_char=None,
        ignore_errors=True,
        truncate_ragged_lines=True,
    )
    file_of_line = np.repeat(np.arange(len(names)), list(names.values()))
    return table.with_columns(pl.Series(list(names)).gather(file_of_line).alias("stay")), refused
