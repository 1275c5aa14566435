"""Manifests: CSV or Parquet tables that list items and the paths of their records."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medkd.deploy.inference.text_table import SUFFIXES, TextTable, read_text_table
from medkd.errors import InputError, nearest

EVENT_COLUMNS = {"series": pl.String(), "zero_hour": pl.Float64()}
"""Optional columns: whose events of a shared file are an item's, and at which hour of theirs the item begins."""


@dataclass(frozen=True)
class Manifest:
    """The items that a manifest lists.

    Args:
        table: ``sample_id`` (unique), if known ``subject_id``, ``series`` and ``zero_hour``, and one column of paths
            per modality, relative to the manifest's folder.
        flaws: why a row cannot be used, by its ``sample_id``: such an item has no path, and is set aside.
    """

    table: pl.DataFrame
    flaws: dict[str, str]


def read_manifest(path: Path, modalities: tuple[str, ...]) -> Manifest:
    """The columns that scoring needs; a row that cannot be used is an item to be set aside, and an empty one is none.

    Args:
        path: a table with ``sample_id``, if known ``subject_id``, ``series`` and ``zero_hour``, and one column per
            modality.
        modalities: names of those columns.

    Raises:
        InputError: the table as a whole cannot be read, or lacks a column.
    """
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError(
            f"'{path.name}' is not a manifest",
            where="INPUT",
            remedy=f"Give a folder, or a table: {', '.join(SUFFIXES)}",
        )
    text = read_text_table(path, "manifest")
    for column in ("sample_id", *modalities):
        if column not in text.table.columns:
            remedy = nearest(column, text.table.columns) if text.table.columns else "It is empty"
            raise InputError(f"manifest has no column '{column}'", where=path, remedy=remedy)
    optional = [name for name in ("subject_id", *EVENT_COLUMNS) if name in text.table.columns]
    return _rows(text, ["sample_id", *optional, *modalities], modalities, path)


def _rows(text: TextTable, columns: list[str], modalities: tuple[str, ...], path: Path) -> Manifest:
    """Each id once: a repeated one is a single item that is set aside, since either of its rows may be right."""
    lines_of: dict[str, list[str]] = {}
    for name, line in zip(text.table["sample_id"].to_list(), text.lines, strict=True):
        lines_of.setdefault(name, []).append(line)
    rows: list[dict[str, object]] = []
    flaws: dict[str, str] = {}
    for index, row in enumerate(text.table.select(columns).iter_rows(named=True)):
        line, name = text.lines[index], row["sample_id"]
        flaw = None
        if name is None:
            name = _unlike(f"manifest, {line}", lines_of)
            flaw = InputError("no sample_id", where=line, remedy="Give every line one")
        elif len(lines_of[name]) > 1:
            if name in flaws:
                continue
            where = " and ".join(lines_of[name])
            flaw = InputError("its sample_id stands more than once", where=where, remedy="Make ids unique")
        elif index in text.too_long:
            flaw = InputError("has more cells than the table has columns", where=line, remedy="Correct the line")
        elif bad := [column for column in columns if (index, column) in text.not_utf8]:
            flaw = InputError(f"its {bad[0]} is not UTF-8", where=line, remedy="Write the manifest as UTF-8")
        try:
            values = row if flaw else _values(row, modalities, path, line, text.decimal_comma)
        except InputError as error:
            values, flaw = row, error
        if flaw is not None:
            flaws[name] = str(flaw)
            values = {**row, **dict.fromkeys((*modalities, *(set(EVENT_COLUMNS) & set(columns))))}
        rows.append({**values, "sample_id": name})
    schema = {name: EVENT_COLUMNS.get(name, pl.String()) for name in columns}
    return Manifest(pl.DataFrame(rows, schema=schema), flaws)


def _values(
    row: dict[str, str | None], modalities: tuple[str, ...], path: Path, line: str, decimal_comma: bool
) -> dict[str, object]:
    values: dict[str, object] = {**row, **{name: _relative(row[name], path, line) for name in modalities}}
    if hour := row.get("zero_hour"):
        try:
            values["zero_hour"] = float(hour.replace(",", ".") if decimal_comma else hour)
        except ValueError as error:
            raise InputError("its zero_hour is not a number", where=line, remedy="Give hours of the series") from error
    return values


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
        # Without the path itself: what it quotes may name a person, and reasons are shown in run.json.
        raise InputError(
            "its path leads out of the manifest's folder",
            where=line,
            remedy="Put the manifest above the data, and write paths relative to it",
        )
    return text


def _unlike(name: str, taken: dict[str, list[str]]) -> str:
    return name if name not in taken else _unlike(f"{name}'", taken)
