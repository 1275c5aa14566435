"""Aggregates: all that a bundle or an evaluation may hold, so that no row of a patient leaves with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medkd.errors import InputError

PATIENT_KEYS = frozenset(
    {"sample_id", "sample_ids", "subject_id", "subject_ids", "patient_id", "patient_ids", "predictions"}
)
"""Keys that only a table of patients has."""


def refuse_patients(value: Any, where: str) -> None:
    """Refuse a document that holds rows of patients.

    Raises:
        InputError: it has a key of ``PATIENT_KEYS``, however deep.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if str(key).lower() in PATIENT_KEYS:
                raise InputError(f"'{key}' does not belong in a bundle", where=where, remedy="Give aggregates only")
            refuse_patients(inner, where)
    elif isinstance(value, list | tuple):
        for inner in value:
            refuse_patients(inner, where)


def aggregates_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without the details of its leak checks, which name offenders."""
    audit = [{"check": str(row["check"]), "passed": bool(row["passed"])} for row in report.get("leak_audit") or ()]
    return {**report, "leak_audit": audit}
