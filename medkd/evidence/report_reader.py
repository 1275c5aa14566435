"""Reports that were written by this or an earlier version of medkd, read as reports of the current version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medkd.data.io.load import REMEDY, read_json
from medkd.errors import InputError
from medkd.evidence.report_schema import VERSION


def read_report(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """A ``report.json`` of any version as one of the current version.

    It is not checked against the schema, for a bundle's report may hold fewer keys; see ``check_report``.

    Args:
        path: the file.
        remedy: what to do about a damaged file.

    Raises:
        InputError: it is missing or damaged, or written by a later version of medkd.
    """
    report = read_json(path, remedy)
    version = report.get("schema_version", 1)
    if version not in range(1, VERSION + 1):
        raise InputError(
            f"schema_version is {version!r}, and this medkd reads up to {VERSION}", where=path, remedy="Update medkd"
        )
    return upgraded(report)


def upgraded(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report of version 1 as version 2, in which the arm "solo" is named "baseline"; version 2 as it is.

    >>> upgraded({"schema_version": 1, "arms": {"student": {}, "solo": {}}})
    {'schema_version': 2, 'arms': {'student': {}, 'baseline': {}}}
    """
    if report.get("schema_version", 1) != 1:
        return dict(report)
    new = {**report, "schema_version": VERSION}
    for key in ("arms", "calibration"):
        if key in report:
            new[key] = _baseline(report[key])
    if "label_efficiency" in report:
        new["label_efficiency"] = [
            {**entry, "arms": _baseline(entry.get("arms", {}))} for entry in report["label_efficiency"]
        ]
    if "curves" in report:
        new["curves"] = {
            name: {**curve, "classes": {label: _baseline(arms) for label, arms in curve["classes"].items()}}
            for name, curve in report["curves"].items()
        }
    return new


def _baseline(arms: Mapping[str, Any]) -> dict[str, Any]:
    return {"baseline" if arm == "solo" else arm: figures for arm, figures in arms.items()}
