"""The schema of evaluation.json, as models from which the shipped ``evaluation.schema.json`` is generated.

After a change here: ``python -m medkd.deploy.evaluation.evaluation_schema``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from medkd.data.io.atomic import write_json
from medkd.data.io.document import Document, parse_document, schema_of
from medkd.errors import InputError, MedkdError
from medkd.evidence.figures.appearance import HERE
from medkd.evidence.report_schema import Count, Curves, Interval, ReliabilityBin, Settings

JSON = "evaluation.json"
SCHEMA_FILE = Path(__file__).with_name("evaluation.schema.json")

ArmName = Literal["these patients", "recalibrated", "at development"]
Share = Annotated[float, Field(ge=0, le=1)]


class Numbers(Document):
    """Numbers of items and subjects."""

    items: Count
    scored: Count
    set_aside: Count
    labelled: Count
    subjects: Count


class FlowRow(Document):
    """One row of the table of who was studied."""

    reason: str
    count: Count


class EvaluatedArm(Interval):
    """Metrics of one arm, the report's metric first."""

    metrics: dict[str, Interval]


class AtThreshold(Document):
    """Figures of one class in one arm; those of decisions only where there is a threshold."""

    threshold: Share | None
    auroc: Interval
    auprc: Interval
    brier: Interval
    observed_over_expected: Interval
    sensitivity: Interval | None = None
    specificity: Interval | None = None
    ppv: Interval | None = None
    npv: Interval | None = None
    flagged: Interval | None = None
    intercept: Interval
    slope: Interval


class EvaluatedClass(Document):
    """One class against the others; of a value only its mean error."""

    n: Count
    subjects: Count
    arms: dict[ArmName, AtThreshold]
    positives: Count | None = None
    positive_subjects: Count | None = None
    prevalence: Share | None = None
    mean_error: float | None = None


class ClassReliability(Document):
    """The reliability curve of one class; the histogram is empty where it is not drawn."""

    reliability: list[ReliabilityBin]
    histogram: list[Count]


class EvaluatedCalibration(Document):
    """Reliability curves of one arm, by class."""

    classes: dict[str, ClassReliability]


class EvaluatedSubgroup(Document):
    """The model in one subgroup, here and at development."""

    by: str
    group: str
    n: Count
    subjects: Count
    suppressed: bool
    reason: str
    value: Interval | None
    development: Interval | None


class AnswerCoverage(Document):
    """Coverage of the conformal sets among the items with one label."""

    n: Count
    subjects: Count
    covered: Share | None
    low: Share | None
    high: Share | None
    abstains: Share | None


class Coverage(Document):
    """Coverage of the bundle's conformal sets here."""

    wanted: Share
    n: Count
    covered: Share | None
    abstains: Share | None
    classes: dict[str, AnswerCoverage]


class CountedShare(Document):
    """A share of items, with its interval."""

    n: Annotated[int, Field(ge=1)]
    value: Share
    low: float
    high: float


class InputFigures(Document):
    """Inputs: items that the model abstains on, items unlike the training data, and the shift of each summary."""

    abstaining: CountedShare | None
    drifted: CountedShare | None
    psi: dict[str, Annotated[float, Field(ge=0)]]
    """Population stability index by summary."""


class RecalibratedClass(Document):
    """The line and threshold of one class; the line is null for exclusive classes."""

    intercept: float | None
    slope: float | None
    threshold: float | None


class RecalibrationFigures(Document):
    """What recalibration was fitted on, and its result."""

    subset: str
    samples: Count
    subjects: Count
    positives: dict[str, Count]
    classes: dict[str, RecalibratedClass]
    temperature: float | None
    rule: str


class ObservedOverExpected(Document):
    """Positives of one class in one period, observed and expected, and the limits of their ratio."""

    observed: Count
    expected: float
    ratio: float | None
    warning: list[float] | None
    alarm: list[float] | None
    state: Literal["in control", "warning", "alarm", "no outcome"]


class Period(Document):
    """Figures of one period; suppressed where it has too few subjects."""

    start: str = Field(alias="from")
    n: Count
    subjects: Count
    suppressed: bool
    reason: str
    value: Interval | None = None
    abstaining: CountedShare | None = None
    drifted: CountedShare | None = None
    classes: dict[str, ObservedOverExpected] | None = None


class CusumPoint(Document):
    """The highest evidence over several patients."""

    time: str
    value: float


class Cusum(Document):
    """A risk-adjusted CUSUM chart for one odds ratio."""

    odds_ratio: float
    limit: float
    false_alarm: float
    highest: float
    crossed: str | None
    """Date at which the limit was first crossed."""
    path: list[CusumPoint]


class OverTime(Document):
    """The course of time."""

    period: Literal["week", "month", "quarter", "year"]
    dated: Count
    rows: list[Period]
    cusum: dict[str, list[Cusum]]


class Provenance(Document):
    """The origin of the predictions."""

    bundle_sha256: str
    model_sha256: str
    predictions_sha256: str
    source: str
    versions: dict[str, str]
    command: str


class EvaluationDocument(Document):
    """A bundle on patients that it was not trained on. Aggregates only; null is undefined or unknown."""

    model_config = ConfigDict(json_schema_mode_override="validation")

    schema_version: Literal[1]
    kind: Literal["external validation", "follow-up"]
    task: str
    cohort: str
    target: str
    target_kind: Literal["binary", "multiclass", "multilabel", "regression", "forecast"]
    classes: Annotated[list[str], Field(min_length=1)]
    rule: str
    units: str
    view: str
    in_sample: bool
    fast: bool
    n: Numbers
    flow: list[FlowRow]
    metric: str
    metric_title: str
    higher_is_better: bool
    arms: Annotated[dict[ArmName, EvaluatedArm], Field(json_schema_extra={"required": [HERE]})]
    by_class: dict[str, EvaluatedClass]
    calibration: dict[ArmName, EvaluatedCalibration]
    curves: Curves
    subgroups: list[EvaluatedSubgroup]
    conformal: Coverage | None
    input: InputFigures
    recalibration: RecalibrationFigures | None
    over_time: OverTime | None
    development: dict[str, Any]
    provenance: Provenance
    settings: Settings
    sentence: Annotated[str, Field(min_length=1)]
    details: list[str]

    @field_validator("arms")
    @classmethod
    def _check_arms(cls, arms: dict[ArmName, EvaluatedArm]) -> dict[ArmName, EvaluatedArm]:
        if HERE not in arms:
            raise ValueError(f"It lacks '{HERE}'")
        return arms


def check_evaluation(evaluation: Mapping[str, Any]) -> None:
    """Refuse an evaluation that does not fit the schema.

    Raises:
        MedkdError: naming the first place that does not fit.
    """
    try:
        parse_document(EvaluationDocument, evaluation, JSON)
    except InputError as error:
        raise MedkdError(
            f"{JSON} does not fit its schema: {error.what}", where=JSON, remedy="Make it with medkd evaluate"
        ) from error


def evaluation_schema() -> dict[str, Any]:
    """The JSON schema, as ``evaluation.schema.json`` holds it."""
    return dict(schema_of(EvaluationDocument, "medkd evaluation, version 1"))


if __name__ == "__main__":
    write_json(SCHEMA_FILE, evaluation_schema())
