"""Readers of files that an earlier step wrote; a damaged one is a one-line error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.errors import InputError

REMEDY = "Remove it, and run what wrote it again"


def read_json(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """A JSON file that holds names with values.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path.name}", where=path, remedy="Run what writes it first") from error
    except ValueError as error:
        raise InputError(f"{path.name} is damaged: it is not JSON", where=path, remedy=remedy) from error
    if not isinstance(document, dict):
        raise InputError(f"{path.name} is damaged: it holds no names with values", where=path, remedy=remedy)
    return document


def read_table(path: Path, remedy: str = REMEDY) -> pl.DataFrame:
    """A Parquet file.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path.name}", where=path, remedy="Run what writes it first") from error
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path.name} is damaged: it is not Parquet", where=path, remedy=remedy) from error


def read_array(path: Path, remedy: str = REMEDY) -> NDArray[Any]:
    """A NumPy file, memory-mapped.

    Raises:
        InputError: it is missing, damaged, or holds objects.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path.name}", where=path, remedy="Run what writes it first") from error
    except (ValueError, EOFError) as error:
        raise InputError(f"{path.name} is damaged: it is not an array", where=path, remedy=remedy) from error
    return array
