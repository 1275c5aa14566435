"""Reports that were written by this or an earlier version of medkd, read as reports of the current version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    if isinstance(report.get("label_efficiency"), list):
        new["label_efficiency"] = [_with(entry, "arms", _baseline) for entry in report["label_efficiency"]]
    if isinstance(report.get("curves"), Mapping):
        new["curves"] = {name: _with(curve, "classes", _of_classes) for name, curve in report["curves"].items()}
    return new


def _with(part: Any, key: str, change: Callable[[Any], Any]) -> Any:
    """A part of a report with one key changed; anything else stays as it is, for the schema to refuse."""
    return {**part, key: change(part[key])} if isinstance(part, Mapping) and key in part else part


def _of_classes(classes: Any) -> Any:
    return {name: _baseline(arms) for name, arms in classes.items()} if isinstance(classes, Mapping) else classes


def _baseline(arms: Any) -> Any:
    if not isinstance(arms, Mapping):
        return arms
    return {"baseline" if arm == "solo" else arm: figures for arm, figures in arms.items()}
