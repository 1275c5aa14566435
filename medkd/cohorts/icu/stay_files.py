"""Stays published as a text file each, thousands of them in an archive, read as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkd.data.io.archive import read_members
from medkd.errors import InputError


def read_stay_files(
    places: Sequence[Path], suffix: str, columns: Mapping[str, Any], separator: str = ","
) -> tuple[pl.DataFrame, list[str]]:
    """All lines of all files in one table, and the names of files that hold no stay.

    The files are parsed as one text: Python does something for each file, nothing for each line. What is no number
    where one belongs is null. A column ``stay`` is added: the file's name without folder and suffix, or, where that was
    seen before, with them (and so with a slash).

    Args:
        places: folders or archives.
        suffix: that the files' names end with.
        columns: of every file, in the order of its first line, with their types.
        separator: between columns.

    Raises:
        InputError: an archive is damaged, or no file in it holds a stay.
    """
    header = separator.join(columns).encode()
    texts: list[bytes] = []
    names: dict[str, int] = {}
    refused: list[str] = []
    said = b""
    for place in places:
        for name, text in read_members(place, suffix):
            first, _, rest = text.replace(b"\r\n", b"\n").strip().partition(b"\n")
            said = said or first
            if first != header or not rest or not rest.isascii() or b"\n\n" in rest:
                refused.append(name)
                continue
            stem = name.rsplit("/", 1)[-1].removesuffix(suffix)
            names[stem if stem not in names else f"{place.name}/{name}#{len(texts)}"] = rest.count(b"\n") + 1
            texts.append(rest)
    if not texts:
        missing = next(
            (column for column in columns if column not in said.decode(errors="replace").split(separator)), None
        )
        what = f"no file{suffix} holds a stay" + (f": no column '{missing}'" if missing and refused else "")
        raise InputError(what, where=", ".join(place.name for place in places), remedy="Copy the files as published")
    table = pl.read_csv(
        b"\n".join(texts),
        has_header=False,
        schema=columns,
        separator=separator,
        quote_char=None,
        ignore_errors=True,
        truncate_ragged_lines=True,
    )
    place_of = np.repeat(np.arange(len(names)), list(names.values()))
    return table.with_columns(pl.Series(list(names)).gather(place_of).alias("stay")), refused
