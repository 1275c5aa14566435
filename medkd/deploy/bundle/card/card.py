"""What a model card says, taken from a run: nothing in it is typed by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from medkd.data.core.target import Target
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.card.content import metric_name
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.bundle.schema_version import read_versioned
from medkd.errors import InputError, nearest
from medkd.evidence.statistics.metrics import METRICS

INTENDED_USE = "Research use; not a medical device."
FACTS = ("purpose", "licence", "flow", "aside", "participants", "coverage")
"""What a card takes beside the report: from the recipe, the cohort, and the run's samples and inner validation."""
VERSION = 2
ADDED: dict[str, Any] = {
    "flow": [],
    "aside": [],
    "participants": {},
    "coverage": {},
    "drift": {},
    "seed_sd": {},
    "weakest": [],
    "not_done": [],
    "settings": {},
    "network": "",
    "weights": "model.safetensors",
    "prediction_hour": None,
    "modalities": [],
    "metric_title": "",
    "higher_is_better": True,
}
"""Keys that version 1 did not have."""
KEYS = (
    *(
        "intended_use",
        "purpose",
        "task",
        "cohort",
        "target",
        "view",
        "teacher_view",
        "protocol",
        "n",
        "training_samples",
        "metric",
    ),
    *(
        "label_fraction",
        "figures",
        "student_metrics",
        "verdict",
        "sentence",
        "calibration",
        "subgroups",
        "leak_audit",
        "limits",
        "length",
    ),
    *("model_sha256", "provenance"),
)
FEW_EVENTS = 100
"""Subjects with, or without, the outcome below which figures are called imprecise: Vergouwe et al.

2005, J Clin Epidemiol 58:475.
"""
_WEAKEST = 3


def make_card(
    report: Mapping[str, Any],
    target: Target,
    preprocessing: Preprocessing,
    calibration: Calibration,
    weights: bytes,
    facts: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    weights_file: str = "model.safetensors",
    network: str = "",
    drift: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What ``card.json`` holds.

    Args:
        report: the run's ``report.json``.
        target, preprocessing, calibration, weights: of the bundle.
        facts: what the report does not hold, where it is known: ``purpose``, ``licence`` of the data, ``flow`` and
            ``aside`` (rows with ``reason`` and ``count``), ``participants`` (see ``medkd.pipeline.participants``) and
            ``coverage`` (see ``held_out_coverage``).
        provenance: digests and versions beside those of the report.
        weights_file, network: the weights' file, and the dotted name of what they are loaded into.
        drift: the input-drift reference, if there is one.

    Raises:
        InputError: ``facts`` holds something else.
    """
    check_facts(facts)
    arms = _mapping(report.get("arms"))
    figures = {name: interval(arms[name]) for name in arms}
    for name in ("gain", "privileged_gain", "gap", "gap_closed"):
        if report.get(name):
            figures[name.replace("_", " ")] = interval(report[name])
    for name, control in _mapping(report.get("controls")).items():
        figures[f"gain of control {name}"] = interval(_mapping(control).get("gain"))
    student = _mapping(arms.get("student"))
    subgroups = [_subgroup(row) for row in report.get("subgroups") or ()]
    rising = bool(report.get("higher_is_better", True))
    participants = dict(_mapping(facts.get("participants")))
    return {
        "intended_use": INTENDED_USE,
        "purpose": str(facts.get("purpose", "")),
        "task": str(report.get("task") or "unnamed task"),
        "cohort": {"name": str(report.get("cohort") or "unnamed cohort"), "licence": str(facts.get("licence", ""))},
        "target": {
            "key": target.key,
            "kind": target.kind,
            "names": list(target.names),
            "rule": target.rule,
            "units": target.units,
        },
        "prediction_hour": target.prediction_hour,
        "view": str(preprocessing.view),
        "teacher_view": str(report.get("teacher_view", "")),
        "modalities": _modalities(preprocessing),
        "protocol": str(report.get("protocol") or "not stated"),
        "settings": dict(_mapping(report.get("settings"))),
        "flow": [_counted(row) for row in facts.get("flow") or ()],
        "aside": [_counted(row) for row in facts.get("aside") or ()],
        "participants": participants,
        "n": {str(key): value for key, value in _mapping(report.get("n")).items()},
        "training_samples": max((part.samples for part in preprocessing.statistics.values()), default=0),
        "metric": str(report.get("metric") or "metric"),
        "metric_title": str(report.get("metric_title") or metric_name(str(report.get("metric") or "metric"))),
        "higher_is_better": rising,
        "label_fraction": report.get("label_fraction"),
        "figures": figures,
        "seed_sd": {name: _mapping(arms[name]).get("seed_sd") for name in arms},
        "student_metrics": {name: interval(value) for name, value in _mapping(student.get("metrics")).items()},
        "verdict": str(report.get("verdict") or "invalid"),
        "sentence": str(report.get("sentence", "")),
        "calibration": calibration.to_dict(),
        "coverage": dict(_mapping(facts.get("coverage"))),
        "subgroups": subgroups,
        "weakest": weakest(subgroups, figures.get("student", {}).get("value"), rising),
        "leak_audit": [
            {"check": str(row["check"]), "passed": bool(row["passed"])} for row in report.get("leak_audit") or ()
        ],
        "limits": _limits(report, preprocessing, participants),
        "not_done": _not_done(report, calibration, drift),
        "drift": {} if drift is None else {"samples": drift["samples"], "summaries": len(drift["centre"])},
        "length": preprocessing.length(),
        "network": network,
        "weights": weights_file,
        "model_sha256": hashlib.sha256(weights).hexdigest(),
        "provenance": _flat({**_mapping(report.get("provenance")), **provenance}),
    }


def check_facts(facts: Mapping[str, Any]) -> None:
    """Refuse what a card does not take.

    Raises:
        InputError: a key is none of ``FACTS``.
    """
    for key in facts:
        if key not in FACTS:
            raise InputError(f"a card takes no '{key}'", where="card", remedy=nearest(str(key), FACTS))


def read_card(content: bytes, where: str) -> dict[str, Any]:
    """What ``card.json`` holds, of this version or the one before.

    Raises:
        InputError: it cannot be read, or is newer.
    """
    return read_versioned(content, where, current=VERSION, keys=(*KEYS, *ADDED), upgrades={1: _upgraded})


def _upgraded(card: dict[str, Any]) -> dict[str, Any]:
    """Version 2 of a card of version 1: what follows from its figures is there, and what it did not hold is empty."""
    metric = METRICS.get(str(card.get("metric")))
    rising = metric is None or metric.higher_is_better
    overall = _mapping(_mapping(card.get("figures")).get("student")).get("value")
    found = {
        "metric_title": metric_name(str(card.get("metric"))),
        "higher_is_better": rising,
        "weakest": weakest(card.get("subgroups") or (), overall, rising),
    }
    return {**ADDED, **found, **card}


def weakest(subgroups: Sequence[Mapping[str, Any]], overall: Any, higher_is_better: bool) -> list[dict[str, Any]]:
    """The three subgroups in which the student does worst, of those measured in which it does worse than over all.

    The worst first.

    >>> rows = [{"by": "sex", "group": name, "value": value, "suppressed": False} for name, value in (("f", 0.7), ("m", 0.9))]
    >>> [row["group"] for row in weakest(rows, 0.8, True)]
    ['f']
    """
    sign = 1 if higher_is_better else -1
    measured = [dict(row) for row in subgroups if row.get("value") is not None and not row.get("suppressed")]
    worse = [row for row in measured if overall is None or sign * row["value"] < sign * overall]
    return sorted(worse, key=lambda row: float(sign * row["value"]))[:_WEAKEST]


def interval(found: Any) -> dict[str, Any]:
    """``value``, ``low``, ``high`` of an entry of the report; None where it has none."""
    entry = _mapping(found)
    return {key: entry.get(key) for key in ("value", "low", "high")}


def _limits(report: Mapping[str, Any], preprocessing: Preprocessing, participants: Mapping[str, Any]) -> list[str]:
    limits = [
        "The figures estimate the procedure: the deployed weights were refitted on all subjects, and no subject is left to test them on.",
        f"It was measured on {report.get('cohort') or 'one cohort'} alone; measure it on your own patients before relying on it.",
        f"It sees {preprocessing.view} and nothing else; records that lack it are set aside.",
    ]
    if report.get("verdict") != "helps":
        limits.append(
            f"The verdict on distillation is '{report.get('verdict') or 'invalid'}': do not claim that the teacher helped."
        )
    fraction = report.get("label_fraction")
    if isinstance(fraction, int | float) and fraction < 1:
        limits.append(f"Only {fraction:.0%} of the training subjects were labelled.")
    for name, row in _mapping(participants.get("outcomes")).items():
        for count, which in ((row.get("with"), "with"), (row.get("without"), "without")):
            if count is not None and count != "the others" and (isinstance(count, str) or count < FEW_EVENTS):
                limits.append(
                    f"Subjects {which} {name}: {count}. With fewer than {FEW_EVENTS} its figures are imprecise."
                )
    failed = [str(row["check"]) for row in report.get("leak_audit") or () if not row["passed"]]
    limits += [f"A leak check failed: {name}." for name in failed]
    hidden = sum(1 for row in report.get("subgroups") or () if row.get("suppressed"))
    if hidden:
        limits.append(f"{hidden} subgroups were too small to measure.")
    return limits


def _not_done(report: Mapping[str, Any], calibration: Calibration, drift: Mapping[str, Any] | None) -> list[str]:
    """What such a run leaves undone, and what this one does."""
    looked = list(dict.fromkeys(str(row.get("by")) for row in report.get("subgroups") or ()))
    fairness = (
        f"subgroups were looked at by {', '.join(looked)}, one at a time" if looked else "no subgroup was looked at"
    )
    found = [
        f"External validation: every figure comes from resampling {report.get('cohort') or 'one cohort'}.",
        "Prospective use: no figure comes from use at the bedside, and no effect on care or outcome was studied.",
        f"Fairness: {fairness}; no other group, no combination of groups, and no cause of a difference was studied.",
        "Comparison with clinicians: none read the same records in this run.",
    ]
    if "site" not in looked:
        found.append("Sites: none is recorded, or none was compared.")
    if not report.get("leak_audit"):
        found.append("Leak audit: none was made.")
    if calibration.conformal is None:
        found.append("Conformal sets: the bundle has no quantiles.")
    if drift is None:
        found.append("Input drift: the bundle has no reference.")
    return found


def _subgroup(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "by": str(row.get("by", "")),
        "group": str(row.get("group", "")),
        "n": row.get("n"),
        "suppressed": bool(row.get("suppressed")),
        "reason": str(row.get("reason", "")),
        **interval(row.get("value")),
        "gain": interval(row.get("gain")),
    }


def _modalities(preprocessing: Preprocessing) -> list[dict[str, Any]]:
    """Of each part of the view, what it is, and how it is prepared."""
    return [
        {
            "part": str(part),
            "class": preprocessing.modalities[part.modality].to_dict()["class_path"],
            "settings": preprocessing.modalities[part.modality].to_dict()["init_args"],
            "shape": list(preprocessing.modalities[part.modality].shape(part)),
            "may_be_unobserved": preprocessing.modalities[part.modality].traits.partial,
            "standardised": any(preprocessing.statistics[part.modality].mean)
            or set(preprocessing.statistics[part.modality].std) != {1.0},
        }
        for part in preprocessing.view.parts
    ]


def _counted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason": str(row["reason"]), "count": int(row["count"])}


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
