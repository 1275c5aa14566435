"""The model card of a run, from its report, the bundle's parts and a few facts; nothing in it is typed by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from medkd.data.core.target import Target
from medkd.data.io.document import Document, parse_document
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.card.card_schema import INTENDED_USE, Card, CountedReason, weakest
from medkd.deploy.bundle.card.formatting import metric_name
from medkd.deploy.bundle.drift import DriftDocument
from medkd.deploy.bundle.preprocessing import Preprocessing

FEW_EVENTS = 100
"""Number of subjects with, or without, the outcome below which figures are called imprecise.

Source: Vergouwe et al. 2005, J Clin Epidemiol 58:475.
"""


class CardFacts(Document):
    """Facts of recipe and cohort that the report does not hold; each may be left out."""

    purpose: str = ""
    licence: str = ""
    """Of the data."""
    flow: list[CountedReason] = Field(default_factory=list)
    """Samples found, excluded and kept."""
    aside: list[CountedReason] = Field(default_factory=list)
    """Values of shared tables that were left out."""
    participants: dict[str, Any] = Field(default_factory=dict)
    """Counts by characteristic (see ``medkd.pipeline.participants``)."""
    coverage: dict[str, Any] = Field(default_factory=dict)
    """Coverage of the conformal sets (see ``held_out_coverage``)."""


def parse_facts(facts: Mapping[str, Any]) -> CardFacts:
    """Facts from plain values.

    Raises:
        InputError: a key is unknown, or a value does not fit.
    """
    return parse_document(CardFacts, dict(facts), "card")


def make_card(
    report: Mapping[str, Any],
    target: Target,
    preprocessing: Preprocessing,
    calibration: Calibration,
    weights: bytes,
    facts: CardFacts,
    provenance: Mapping[str, Any],
    *,
    weights_file: str = "model.safetensors",
    network: str = "",
    drift: DriftDocument | None = None,
) -> Card:
    """The card of a run.

    Args:
        report: the run's ``report.json``.
        target, preprocessing, calibration, weights: of the bundle.
        facts: what the report does not hold.
        provenance: digests and versions beside those of the report.
        weights_file, network: the weights' file, and the dotted name of what they are loaded into.
        drift: the input-drift reference, if there is one.

    Raises:
        InputError: the report holds a value that does not fit.
    """
    arms = _mapping(report.get("arms"))
    figures = {name: _interval(arms[name]) for name in arms}
    for name in ("gain", "privileged_gain", "gap", "gap_closed"):
        if report.get(name):
            figures[name.replace("_", " ")] = _interval(report[name])
    for name, control in _mapping(report.get("controls")).items():
        figures[f"gain of control {name}"] = _interval(_mapping(control).get("gain"))
    student = _mapping(arms.get("student"))
    subgroups = [_subgroup(row) for row in report.get("subgroups") or ()]
    rising = bool(report.get("higher_is_better", True))
    participants = dict(facts.participants)
    card = {
        "intended_use": INTENDED_USE,
        "purpose": facts.purpose,
        "task": str(report.get("task") or "unnamed task"),
        "cohort": {"name": str(report.get("cohort") or "unnamed cohort"), "licence": facts.licence},
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
        "flow": [row.model_dump() for row in facts.flow],
        "aside": [row.model_dump() for row in facts.aside],
        "participants": participants,
        "n": {str(key): value for key, value in _mapping(report.get("n")).items()},
        "training_samples": max((part.samples for part in preprocessing.statistics.values()), default=0),
        "metric": str(report.get("metric") or "metric"),
        "metric_title": str(report.get("metric_title") or metric_name(str(report.get("metric") or "metric"))),
        "higher_is_better": rising,
        "label_fraction": report.get("label_fraction"),
        "figures": figures,
        "seed_sd": {name: _mapping(arms[name]).get("seed_sd") for name in arms},
        "student_metrics": {name: _interval(value) for name, value in _mapping(student.get("metrics")).items()},
        "verdict": str(report.get("verdict") or "invalid"),
        "sentence": str(report.get("sentence", "")),
        "calibration": calibration.to_dict(),
        "coverage": dict(facts.coverage),
        "subgroups": subgroups,
        "weakest": weakest(subgroups, figures.get("student", {}).get("value"), rising),
        "leak_audit": [
            {"check": str(row["check"]), "passed": bool(row["passed"])} for row in report.get("leak_audit") or ()
        ],
        "limits": _limits(report, preprocessing, participants),
        "not_done": _not_done(report, calibration, drift),
        "drift": {} if drift is None else {"samples": drift.samples, "summaries": len(drift.centre)},
        "length": preprocessing.length(),
        "network": network,
        "weights": weights_file,
        "model_sha256": hashlib.sha256(weights).hexdigest(),
        "provenance": _flat({**_mapping(report.get("provenance")), **provenance}),
    }
    return parse_document(Card, card, "card")


def _interval(value: Any) -> dict[str, Any]:
    """``value``, ``low``, ``high`` of an entry of the report; None where it has none."""
    entry = _mapping(value)
    return {key: entry.get(key) for key in ("value", "low", "high")}


def _limits(report: Mapping[str, Any], preprocessing: Preprocessing, participants: Mapping[str, Any]) -> list[str]:
    limits = [
        "The figures estimate the procedure: the deployed weights were refitted on all subjects, "
        "and no subject is left to test them on.",
        f"It was measured on {report.get('cohort') or 'one cohort'} alone; "
        "measure it on your own patients before relying on it.",
        f"It sees {preprocessing.view} and nothing else; records that lack it are set aside.",
    ]
    if report.get("verdict") != "helps":
        limits.append(
            f"The verdict on distillation is '{report.get('verdict') or 'invalid'}': "
            "do not claim that the teacher helped."
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


def _not_done(report: Mapping[str, Any], calibration: Calibration, drift: DriftDocument | None) -> list[str]:
    """Studies that such a run does not make, and those that this one did not."""
    looked = list(dict.fromkeys(str(row.get("by")) for row in report.get("subgroups") or ()))
    fairness = (
        f"subgroups were looked at by {', '.join(looked)}, one at a time" if looked else "no subgroup was looked at"
    )
    undone = [
        f"External validation: every figure comes from resampling {report.get('cohort') or 'one cohort'}.",
        "Prospective use: no figure comes from use at the bedside, and no effect on care or outcome was studied.",
        f"Fairness: {fairness}; no other group, no combination of groups, and no cause of a difference was studied.",
        "Comparison with clinicians: none read the same records in this run.",
    ]
    if "site" not in looked:
        undone.append("Sites: none is recorded, or none was compared.")
    if not report.get("leak_audit"):
        undone.append("Leak audit: none was made.")
    if calibration.conformal is None:
        undone.append("Conformal sets: the bundle has no quantiles.")
    if drift is None:
        undone.append("Input drift: the bundle has no reference.")
    return undone


def _subgroup(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "by": str(row.get("by", "")),
        "group": str(row.get("group", "")),
        "n": row.get("n"),
        "suppressed": bool(row.get("suppressed")),
        "reason": str(row.get("reason", "")),
        **_interval(row.get("value")),
        "gain": _interval(row.get("gain")),
    }


def _modalities(preprocessing: Preprocessing) -> list[dict[str, Any]]:
    """Each part of the view: its class, its settings, and how it is prepared."""
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


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots; lists are left out."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            flat |= _flat(inner, f"{prefix}{key}.")
        elif inner is None or isinstance(inner, str | int | float):
            flat[f"{prefix}{key}"] = inner
    return flat
