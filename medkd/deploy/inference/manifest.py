"""Manifests: CSV or Parquet tables that list items and the paths of their records."""

from __future__ import annotations

import posixpath
from pathlib import Path

import polars as pl

from medkd.errors import InputError, nearest

SUFFIXES = (".csv", ".parquet")
EVENT_COLUMNS = {"series": pl.String(), "zero_hour": pl.Float64()}
"""Optional columns: whose events of a shared file are an item's, and at which hour of theirs the item begins."""


def read_manifest(path: Path, modalities: tuple[str, ...]) -> pl.DataFrame:
    """The columns that scoring needs, with paths relative to the manifest's folder.

    Args:
        path: a table with ``sample_id``, if known ``subject_id``, ``series`` and ``zero_hour``, and one column per
            modality.
        modalities: names of those columns.

    Raises:
        InputError: it cannot be read, lacks a column, repeats an id, or a path leads out of its folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"'{path.name}' is not a manifest",
            where="INPUT",
            remedy=f"Give a folder, or a table: {', '.join(SUFFIXES)}",
        )
    is_csv = path.suffix.lower() == ".csv"
    try:
        # As text throughout, since a number's leading zeros belong to the name.
        table = pl.read_csv(path, infer_schema=False) if is_csv else pl.read_parquet(path)
        table = table.select(pl.all().cast(pl.String))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"manifest cannot be read: {reason}", where=path, remedy="Write it again as UTF-8 CSV or Parquet"
        ) from error
    for column in ("sample_id", *modalities):
        if column not in table.columns:
            remedy = nearest(column, table.columns) if table.columns else "It is empty"
            raise InputError(f"manifest has no column '{column}'", where=path, remedy=remedy)
    optional = [name for name in ("subject_id", *EVENT_COLUMNS) if name in table.columns]
    table = table.select(pl.col("sample_id", *optional, *modalities).str.strip_chars().replace("", None))
    word, first = ("line", 2) if is_csv else ("row", 1)
    _check_ids(table, path, word, first)
    for modality in modalities:
        relative = [
            _relative(value, path, f"{word} {number}")
            for number, value in enumerate(table[modality].to_list(), start=first)
        ]
        table = table.with_columns(pl.Series(modality, relative, dtype=pl.String))
    return _with_hours(table, path, word, first) if "zero_hour" in table.columns else table


def _check_ids(table: pl.DataFrame, path: Path, word: str, first: int) -> None:
    lines: dict[str, int] = {}
    for number, name in enumerate(table["sample_id"].to_list(), start=first):
        if name is None:
            raise InputError("no sample_id", where=f"{path}, {word} {number}", remedy="Give every line one")
        if name in lines:
            where = f"{path}, {word}s {lines[name]} and {number}"
            raise InputError(f"sample_id '{name}' stands twice", where=where, remedy="Make ids unique")
        lines[name] = number


def _relative(value: str | None, manifest: Path, line: str) -> str | None:
    """A path of a manifest, relative to the manifest's folder and below it."""
    if value is None:
        return None
    text = value.replace("\\", "/") if "\\" in value and "/" not in value else value
    if posixpath.isabs(text):
        folder = manifest.parent.resolve().as_posix()
        text = posixpath.relpath(posixpath.normpath(text), folder)
    text = posixpath.normpath(text)
    if text == ".." or text.startswith("../") or "\0" in text:
        raise InputError(
            f"path '{value}' leads out of the manifest's folder",
            where=f"{manifest}, {line}",
            remedy="Put the manifest above the data, and write paths relative to it",
        )
    return text


def _with_hours(table: pl.DataFrame, path: Path, word: str, first: int) -> pl.DataFrame:
    """``zero_hour`` as a number."""
    hours = table["zero_hour"].cast(pl.Float64, strict=False)
    if (bad := hours.is_null() & table["zero_hour"].is_not_null()).any():
        row = int(bad.arg_max() or 0)
        raise InputError(
            f"zero_hour '{table['zero_hour'][row]}' is not a number",
            where=f"{path}, {word} {first + row}",
            remedy="Give hours of the series",
        )
    return table.with_columns(hours)
