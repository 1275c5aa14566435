"""Clinical Classifications Software (CCS): a few hundred clinical groups of codes."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from medkd.errors import InputError
from medkd.modalities.codes.ontology import Ontology, normalised_column
from medkd.modalities.codes.published_file import published_text

ROOT = "CCS root"
_FIELD = re.compile(r'(?:"([^"]*)"|([^,]*)),')
"""Fields between commas, except for commas between double quotes.

Most other fields have single quotes around them, but not all.
"""
_CODE = ("ICD-9-CM CODE", "ICD-10-CM CODE")


def read_ccs(path: Path) -> pl.DataFrame:
    """The single-level groups, one row per code: ``code``, ``group``, ``title``.

    Args:
        path: ``ccs_single_*`` or ``ccs_dx_icd10cm_*``, gzipped or not.

    Raises:
        InputError: the file is missing or damaged, or is another table.

    Source: AHRQ, HCUP Clinical Classifications Software.
    """
    table = _table(path)
    needed = ("CCS CATEGORY", "CCS CATEGORY DESCRIPTION")
    if not set(needed) <= set(table.columns):
        raise InputError(
            f"{Path(path).name} lacks a column '{needed[0]}'", where=path, remedy="Give a single-level table of CCS"
        )
    return table.select("code", group=needed[0], title=needed[1])


def read_ccs_tree(path: Path) -> Ontology:
    """The multi-level groups as a tree, with the codes below them.

    Args:
        path: ``ccs_multi_*``, or ``ccs_dx_icd10cm_*`` for its two levels; gzipped or not.

    Raises:
        InputError: the file is missing or damaged, or is another table.

    Source: AHRQ, HCUP Clinical Classifications Software.
    """
    table = _table(path)
    levels = [name for name in table.columns if re.fullmatch(r"(MULTI )?CCS LVL \d", name)]
    if not levels:
        raise InputError(
            f"{Path(path).name} lacks a column 'CCS LVL 1'", where=path, remedy="Give a multi-level table of CCS"
        )
    groups: dict[str, tuple[str, str, str]] = {}
    codes = []
    for row in table.iter_rows(named=True):
        above = ROOT
        for level in levels:
            if row[level]:
                name = f"group {row[level]}"
                groups.setdefault(name, (name, above, row[f"{level} LABEL"]))
                above = name
        codes.append((row["code"], above, ""))
    return Ontology.grow([(ROOT, None, "CCS"), *groups.values(), *codes], where=path)


def _table(path: Path) -> pl.DataFrame:
    """All columns as stripped text, the code as ``code``; without the rows that have no code, which are errors."""
    rows = [_fields(line) for line in published_text(path).splitlines() if line.strip()]
    head = rows[0] if rows else []
    code = next((name for name in _CODE if name in head), None)
    if code is None:
        raise InputError(
            f"{Path(path).name} lacks a column '{_CODE[0]}'",
            where=path,
            remedy="Give a table of CCS as AHRQ publishes it",
        )
    uneven = next((number for number, row in enumerate(rows, 1) if len(row) != len(head)), None)
    if uneven:
        what = f"{Path(path).name} has {len(rows[uneven - 1])} fields, {len(head)} expected"
        raise InputError(what, where=f"{path}, line {uneven}", remedy="Fetch the file again")
    table = pl.DataFrame(rows[1:], schema=dict.fromkeys(head, pl.String), orient="row").rename({code: "code"})
    return table.with_columns(normalised_column("code")).filter(pl.col("code") != "")


def _fields(line: str) -> list[str]:
    return ["".join(field).strip().strip("'").strip() for field in _FIELD.findall(f"{line},")]
