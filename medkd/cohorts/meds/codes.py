"""Variables of MEDS codes: the user's ``codes.yaml``, or the codes that MIMIC-IV's own conversion writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from medkd.cohorts.icu.items import Items, items_in
from medkd.cohorts.icu.mimic import ITEMS
from medkd.data.events.variables import UNSTATED
from medkd.errors import InputError

CODES = "codes.yaml"
"""A file in the data set's root: modality, below it ``code: variable [unit]``."""
PREFIX = {"chartevents": "LAB", "labevents": "LAB", "outputevents": "SUBJECT_FLUID_OUTPUT"}
"""Table of MIMIC-IV → beginning of the codes that its conversion writes for items of that table."""


def codes_for(root: Path) -> Mapping[str, Items]:
    """Modality → code → variable; a code counts for itself and for all that continue it after ``//``.

    Where ``codes.yaml`` exists in the root, no other codes are used. It looks like this::

        vitals:
          LOINC/8867-4: heart_rate
          LAB//220045: heart_rate
        labs:
          LAB//50912: creatinine
          Serum creatinine: creatinine [umol/L]

    A unit in brackets is that of the code's values, whatever the code itself says.

    Raises:
        InputError: the file has another form.
    """
    path = root / CODES
    return _user_codes(path, path.stat().st_mtime_ns) if path.is_file() else _mimic()


@cache
def _user_codes(path: Path, modified_ns: int) -> Mapping[str, Items]:
    """The codes of a file, read again when its time of change, part of the cache's key, is another."""
    form = "Write modality, below it 'code: variable [unit]'"
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        known: dict[str, dict[int | str, str]] = {
            str(modality): {str(code): variable for code, variable in codes.items()}
            for modality, codes in document.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise InputError("is not a table of codes", where=path, remedy=form) from error
    for codes in known.values():
        for code, variable in codes.items():
            if not isinstance(variable, str):
                raise InputError(f"code '{code}' has no variable", where=path, remedy=form)
    # The user knows the values: a unit written here is not to be replaced by one that a code states.
    return {modality: {code: _fixed(variable) for code, variable in codes.items()} for modality, codes in known.items()}


def _fixed(variable: str) -> str:
    """``variable [unit!]`` of ``variable [unit]``."""
    return f"{variable.removesuffix(']').removesuffix('!')}!]" if variable.endswith("]") else variable


@cache
def _mimic() -> Mapping[str, Items]:
    return {
        modality: {
            f"{PREFIX[table]}//{item}": variable
            for table, items in tables.items()
            for item, variable in items.items()
            # Whether it is so follows from the name of a mode, and numeric_value has no names.
            if variable != "ventilated"
        }
        for modality, tables in items_in(ITEMS).items()
    }


def resolved(codes: list[str], known: Items) -> dict[int | str, str]:
    """The variable of every code that is known or continues a known one after ``//``; the longest match decides.

    A continuation's last part is the unit of the code's values, unless it is ``UNK``, or the known code's own unit ends
    with ``!``.

    >>> resolved(["LAB//50912//umol/L", "LAB//50912//UNK", "LAB//509120"], {"LAB//50912": "creatinine"})
    {'LAB//50912//umol/L': 'creatinine [umol/L]', 'LAB//50912//UNK': 'creatinine'}
    """
    variables: dict[int | str, str] = {}
    for code in codes:
        parts = code.split("//")
        for length in range(len(parts), 0, -1):
            start = "//".join(parts[:length])
            if start in known:
                variables[code] = known[start]
                if (
                    length < len(parts)
                    and parts[-1].strip().lower() not in UNSTATED
                    and not known[start].endswith("!]")
                ):
                    variables[code] = f"{known[start].partition(' [')[0]} [{parts[-1].strip()}]"
                break
    return variables
