"""From codes to variables: a YAML file of the user's, or what MIMIC-IV's own conversion to MEDS writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from medkd.cohorts.icu.items import Items, items_in
from medkd.cohorts.icu.mimic import ITEMS
from medkd.errors import InputError

CODES = "codes.yaml"
"""In the data set's root: modality, below it ``code: variable [unit]``."""
PREFIX = {"chartevents": "LAB", "labevents": "LAB", "outputevents": "SUBJECT_FLUID_OUTPUT"}
"""How the codes begin that MIMIC-IV's conversion gives the items of a table."""


def codes_for(root: Path) -> Mapping[str, Items]:
    """Modality → code → variable; a code stands for itself and for all that go on with ``//``.

    ``codes.yaml`` in the root, if there is one, alone decides. It looks like this::

        vitals:
          LOINC/8867-4: heart_rate
          LAB//220045: heart_rate
        labs:
          LAB//50912//umol/L: creatinine [umol/L]

    Raises:
        InputError: the file does not have that form.
    """
    path = root / CODES
    return _given(path, path.stat().st_mtime_ns) if path.is_file() else _mimic()


@cache
def _given(path: Path, stamp: int) -> Mapping[str, Items]:
    """``stamp`` is the file's time of change: one that was written anew is read anew."""
    form = "Write modality, below it 'code: variable [unit]'"
    try:
        held: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        known: dict[str, dict[int | str, str]] = {
            str(modality): {str(code): variable for code, variable in codes.items()} for modality, codes in held.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise InputError("is no table of codes", where=path, remedy=form) from error
    for codes in known.values():
        for code, variable in codes.items():
            if not isinstance(variable, str):
                raise InputError(f"code '{code}' has no variable", where=path, remedy=form)
    return known


@cache
def _mimic() -> Mapping[str, Items]:
    return {
        modality: {
            f"{PREFIX[table]}//{item}": variable
            for table, items in tables.items()
            for item, variable in items.items()
            # A mode's name tells it, and numeric_value holds no name.
            if variable != "ventilated"
        }
        for modality, tables in items_in(ITEMS).items()
    }


def resolved(codes: list[str], known: Items) -> dict[int | str, str]:
    """The variable of every code that is known, or that goes on from a known one after ``//``; the longest decides.

    >>> resolved(["LAB//50912//mg/dL", "LAB//509120"], {"LAB//50912": "creatinine"})
    {'LAB//50912//mg/dL': 'creatinine'}
    """
    found: dict[int | str, str] = {}
    for code in codes:
        parts = code.split("//")
        for length in range(len(parts), 0, -1):
            start = "//".join(parts[:length])
            if start in known:
                found[code] = known[start]
                break
    return found
