"""The model card, filled from the run: nothing in it is typed by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Undefined

from medkd.data.target import Target
from medkd.deploy.calibration import Calibration
from medkd.deploy.preprocessing import Preprocessing
from medkd.errors import InputError, nearest

INTENDED_USE = "Research use; not a medical device."
FACTS = ("purpose", "licence")
"""What a card takes beside the run's own figures: from the recipe, and from the cohort."""
_SPECIAL = re.compile(r"([\\`*\[\]<>|~#&])|(?<![^\W_])(_)|(_)(?![^\W_])")


def make_card(
    report: Mapping[str, Any],
    target: Target,
    preprocessing: Preprocessing,
    calibration: Calibration,
    weights: bytes,
    facts: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """What ``card.json`` holds.

    Args:
        report: the run's ``report.json``.
        target, preprocessing, calibration, weights: of the bundle.
        facts: ``purpose`` and ``licence``, where the recipe and the cohort state them.
        provenance: digests and versions beside those of the report.

    Raises:
        InputError: ``facts`` holds something else.
    """
    for key in facts:
        if key not in FACTS:
            raise InputError(f"a card takes no '{key}'", where="card", remedy=nearest(str(key), FACTS))
    arms = _mapping(report.get("arms"))
    figures = {name: _interval(arms[name]) for name in arms}
    for name in ("gain", "privileged_gain", "gap", "gap_closed"):
        if report.get(name):
            figures[name.replace("_", " ")] = _interval(report[name])
    for name, control in _mapping(report.get("controls")).items():
        figures[f"gain of control {name}"] = _interval(_mapping(control).get("gain"))
    student = _mapping(arms.get("student"))
    return {
        "intended_use": INTENDED_USE,
        "purpose": str(facts.get("purpose", "")),
        "task": str(report.get("task") or "unnamed task"),
        "cohort": {"name": str(report.get("cohort") or "unnamed cohort"), "licence": str(facts.get("licence", ""))},
        "target": {"key": target.key, "kind": target.kind, "names": list(target.names), "rule": target.rule, "units": target.units},
        "view": str(preprocessing.view),
        "teacher_view": str(report.get("teacher_view", "")),
        "protocol": str(report.get("protocol") or "not stated"),
        "n": {str(key): value for key, value in _mapping(report.get("n")).items()},
        "training_samples": max((part.samples for part in preprocessing.statistics.values()), default=0),
        "metric": str(report.get("metric") or "metric"),
        "label_fraction": report.get("label_fraction"),
        "figures": figures,
        "student_metrics": {name: _interval(value) for name, value in _mapping(student.get("metrics")).items()},
        "verdict": str(report.get("verdict") or "invalid"),
        "sentence": str(report.get("sentence", "")),
        "calibration": calibration.document(),
        "subgroups": [_subgroup(row) for row in report.get("subgroups") or ()],
        "leak_audit": [{"check": str(row["check"]), "passed": bool(row["passed"])} for row in report.get("leak_audit") or ()],
        "limits": _limits(report, preprocessing),
        "length": preprocessing.length(),
        "model_sha256": hashlib.sha256(weights).hexdigest(),
        "provenance": _flat({**_mapping(report.get("provenance")), **provenance}),
    }


def render_card(card: Mapping[str, Any]) -> str:
    """``CARD.md``: every value is escaped, so that no name in it can become markup."""
    # The output is Markdown, which HTML's escaping would spoil; ``finalize`` escapes it instead, each value as it is written.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        finalize=escape_markdown,
        keep_trailing_newline=True,
    )
    environment.filters["figure"] = _figure
    return environment.get_template("card.md.j2").render(card)


def escape_markdown(value: Any) -> Any:
    r"""Text in which nothing is markup and no line ends: it stays in its table cell.

    >>> print(escape_markdown("a|b <script> snake_case *x*"))
    a\|b \<script\> snake_case \*x\*
    """
    if isinstance(value, Undefined):
        return value
    text = " ".join(str(value).split())
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _figure(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _limits(report: Mapping[str, Any], preprocessing: Preprocessing) -> list[str]:
    limits = [
        "The figures estimate the procedure: the deployed weights were refitted on all subjects, and no subject is left to test them on.",
        f"It was measured on {report.get('cohort') or 'one cohort'} alone; measure it on your own patients before relying on it.",
        f"It sees {preprocessing.view} and nothing else; records that lack it are set aside.",
    ]
    if report.get("verdict") != "helps":
        limits.append(f"The verdict on distillation is '{report.get('verdict') or 'invalid'}': do not claim that the teacher helped.")
    fraction = report.get("label_fraction")
    if isinstance(fraction, int | float) and fraction < 1:
        limits.append(f"Only {fraction:.0%} of the training subjects were labelled.")
    failed = [str(row["check"]) for row in report.get("leak_audit") or () if not row["passed"]]
    limits += [f"A leak check failed: {name}." for name in failed]
    hidden = sum(1 for row in report.get("subgroups") or () if row.get("suppressed"))
    if hidden:
        limits.append(f"{hidden} subgroups were too small to measure.")
    return limits


def _subgroup(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "by": str(row.get("by", "")),
        "group": str(row.get("group", "")),
        "n": row.get("n"),
        "suppressed": bool(row.get("suppressed")),
        "reason": str(row.get("reason", "")),
        **_interval(row.get("value")),
    }


def _interval(found: Any) -> dict[str, Any]:
    """``value``, ``low``, ``high`` of an entry of the report; None where it has none."""
    entry = _mapping(found)
    return {key: entry.get(key) for key in ("value", "low", "high")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots; lists are left out."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            found |= _flat(inner, f"{prefix}{key}.")
        elif inner is None or isinstance(inner, str | int | float):
            found[f"{prefix}{key}"] = inner
    return found
