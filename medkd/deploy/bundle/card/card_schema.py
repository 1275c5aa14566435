"""The model card, ``card.json``: every fact of a run that the card's page and ``medkd bundle describe`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field

from medkd.data.io.document import Document
from medkd.deploy.bundle.card.formatting import metric_name
from medkd.deploy.bundle.schema_version import Versioned, read_versioned
from medkd.evidence.statistics.metrics import METRICS

INTENDED_USE = "Research use; not a medical device."
_WEAKEST = 3


class Interval(Document):
    """A figure with its interval; null where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class CountedReason(Document):
    """A number of samples or values, and what they are."""

    reason: str
    count: int


class CardCohort(Document):
    """The cohort that the model was developed on."""

    name: str
    licence: str


class CardTarget(Document):
    """What the model predicts."""

    key: str
    kind: str
    names: list[str]
    rule: str
    units: str


class CardModality(Document):
    """One input of the model, and how it is prepared."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
    part: str
    class_path: str = Field(alias="class")
    settings: dict[str, Any]
    shape: list[int]
    may_be_unobserved: bool
    standardised: bool


class CardSubgroup(Interval):
    """Figures of the student in one subgroup."""

    by: str
    group: str
    n: int | None
    suppressed: bool
    reason: str
    gain: Interval


class LeakCheck(Document):
    """One check of the leak audit, without its details, which name offenders."""

    check: str
    passed: bool


class Card(Versioned):
    """What ``card.json`` holds. Fields with a default came with version 2."""

    schema_version: Literal[2] = 2
    intended_use: str
    purpose: str
    task: str
    cohort: CardCohort
    target: CardTarget
    prediction_hour: float | None = None
    view: str
    teacher_view: str
    modalities: list[CardModality] = Field(default_factory=list)
    protocol: str
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of the evidence: metric, confidence, replicates, ..."""
    flow: list[CountedReason] = Field(default_factory=list)
    aside: list[CountedReason] = Field(default_factory=list)
    participants: dict[str, Any] = Field(default_factory=dict)
    n: dict[str, Any]
    training_samples: int
    metric: str
    metric_title: str = ""
    higher_is_better: bool = True
    label_fraction: float | None
    figures: dict[str, Interval]
    """By arm or difference."""
    seed_sd: dict[str, float | None] = Field(default_factory=dict)
    student_metrics: dict[str, Interval]
    verdict: str
    sentence: str
    calibration: dict[str, Any]
    """See ``Calibration``."""
    coverage: dict[str, Any] = Field(default_factory=dict)
    subgroups: list[CardSubgroup]
    weakest: list[CardSubgroup] = Field(default_factory=list)
    leak_audit: list[LeakCheck]
    limits: list[str]
    not_done: list[str] = Field(default_factory=list)
    drift: dict[str, int] = Field(default_factory=dict)
    """Numbers of training samples and of summaries; empty without a reference."""
    length: dict[str, dict[str, str]]
    network: str = ""
    weights: str = "model.safetensors"
    model_sha256: str
    provenance: dict[str, str | int | float | None]


def read_card(content: bytes, where: str) -> Card:
    """The card in ``card.json``, of this version or the one before.

    Raises:
        InputError: it cannot be read, or is newer.
    """
    return read_versioned(Card, content, where, {1: _upgraded})


def _upgraded(card: dict[str, Any]) -> dict[str, Any]:
    """Version 2 of a card of version 1, with what follows from its figures."""
    metric = METRICS.get(str(card.get("metric")))
    rising = metric is None or metric.higher_is_better
    overall = (card.get("figures") or {}).get("student", {}).get("value")
    derived = {
        "metric_title": metric_name(str(card.get("metric"))),
        "higher_is_better": rising,
        "weakest": weakest(card.get("subgroups") or (), overall, rising),
    }
    return {**derived, **card}


def weakest(subgroups: Sequence[Mapping[str, Any]], overall: Any, higher_is_better: bool) -> list[dict[str, Any]]:
    """The three subgroups in which the student does worst, of those measured in which it does worse than over all.

    The worst first.

    >>> rows = [{"by": "sex", "group": group, "value": value} for group, value in (("f", 0.7), ("m", 0.9))]
    >>> [row["group"] for row in weakest(rows, 0.8, True)]
    ['f']
    """
    sign = 1 if higher_is_better else -1
    measured = [dict(row) for row in subgroups if row.get("value") is not None and not row.get("suppressed")]
    worse = [row for row in measured if overall is None or sign * row["value"] < sign * overall]
    return sorted(worse, key=lambda row: float(sign * row["value"]))[:_WEAKEST]
