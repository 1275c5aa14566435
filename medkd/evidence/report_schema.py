"""The schema of report.json, as models from which the shipped ``report.schema.json`` is generated.

After a change here: ``python -m medkd.evidence.report_schema``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from medkd.data.io.atomic import write_json
from medkd.data.io.document import Document, parse_document, schema_of
from medkd.errors import InputError, MedkdError
from medkd.evidence.verdict import Verdict

VERSION = 2
"""``schema_version`` of the reports that are written."""
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")

Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
VerdictValue = Annotated[Verdict, WithJsonSchema({"type": "string", "enum": [value.value for value in Verdict]})]


class Interval(Document):
    """A value with its interval; all three are null where the value is undefined."""

    value: float | None
    low: float | None
    high: float | None


class ArmValue(Interval):
    """An arm's value of the report's metric."""

    seeds: list[float | None]
    """The value under each seed."""
    seed_sd: float | None
    """Standard deviation between seeds; null for one seed."""


class Arm(ArmValue):
    """An arm at the largest label fraction, with all metrics."""

    metrics: dict[str, Interval]


class Control(Document):
    """A control student, taught by a teacher without extra information."""

    gain: Interval
    """Control student - baseline."""


class Comparison(Document):
    """Differences between arms, paired and oriented so that more is better; null where not run or not defined."""

    gain: Interval
    """Student - baseline."""
    privileged_gain: Interval | None
    """Student - the student of a self-teacher."""
    gap: Interval | None
    """Teacher - baseline."""
    gap_closed: Interval | None
    """gain / gap; null unless the whole interval of the gap lies above zero."""
    controls: dict[str, Control]
    verdict: VerdictValue


class LabelFraction(Comparison):
    """The comparison at one label fraction."""

    label_fraction: Share
    arms: Annotated[dict[str, ArmValue], Field(json_schema_extra={"required": ["student", "baseline"]})]


class Counts(Document):
    """Numbers of samples, subjects and seeds; null where unknown."""

    train: Count | None
    """Training samples of one fit."""
    val: Count | None
    """Inner-validation samples of one fit."""
    test: Count
    """Test samples over all folds and seeds."""
    test_subjects: Count
    seeds: Count


class TemperatureRange(Document):
    """The temperatures of an arm's fits."""

    mean: float
    low: float
    high: float


class ReliabilityBin(Document):
    """Samples of similar predicted probability, and the share of positives among them."""

    predicted: float
    observed: float
    low: float
    high: float
    count: Count


class ClassCalibration(Document):
    """Calibration of one class; empty lists for arms that are not drawn."""

    threshold: float | None
    """Mean over the fits."""
    reliability: list[ReliabilityBin]
    histogram: list[Count]
    """Number of probabilities in equal parts of 0 to 1."""


class ArmCalibration(Document):
    """Calibration of one arm."""

    temperature: TemperatureRange
    ece: Interval
    brier: Interval
    classes: dict[str, ClassCalibration]


class RocCurves(Document):
    """Class → arm → sensitivity at each false-positive rate; null where no fold could measure it."""

    false_positive_rate: list[float]
    classes: dict[str, dict[str, list[float] | None]]


class DecisionCurves(Document):
    """Class → arm or treat_all → net benefit at each threshold."""

    threshold: list[float]
    classes: dict[str, dict[str, list[float]]]


class Curves(Document):
    """Curves of a classification; empty for a regression."""

    model_config = ConfigDict(json_schema_mode_override="validation")

    roc: RocCurves | None = None
    decision: DecisionCurves | None = None


class Subgroup(Document):
    """The student's value and gain in one subgroup; both null where the subgroup is suppressed."""

    by: str
    """Column of the sample table."""
    group: str
    n: Count
    """Samples."""
    subjects: Count
    suppressed: bool
    reason: str
    """Why it is suppressed; else empty."""
    value: Interval | None
    gain: Interval | None


class LeakCheck(Document):
    """One check of the leak audit."""

    model_config = ConfigDict(json_schema_mode_override="validation")

    check: str
    passed: bool
    detail: str = ""
    """One sentence with counts; absent in a bundle."""


class Provenance(Document):
    """The origin of the figures; further keys are allowed."""

    model_config = ConfigDict(extra="allow")

    split_sha256: str
    config_sha256: str
    data_sha256: str
    versions: dict[str, str]


class Settings(Document):
    """``EvidenceSettings`` as they were used."""

    metric: str
    replicates: Annotated[int, Field(ge=1)]
    confidence: Annotated[float, Field(ge=0.5, lt=1)]
    seed: int
    threshold: str
    ece_bins: Annotated[int, Field(ge=1)]
    min_group: Annotated[int, Field(ge=1)]
    age_bands: list[float]
    subgroups: list[str]


class ReportDocument(Comparison):
    """A comparison of student, baseline and teacher; its figures are those of the largest label fraction."""

    schema_version: Literal[2]
    task: str
    cohort: str
    target: str
    target_kind: str
    classes: list[str]
    rule: str
    units: str
    student_view: str
    teacher_view: str
    protocol: str
    metric: str
    metric_title: str
    higher_is_better: bool
    label_fraction: Share
    n: Counts
    arms: Annotated[dict[str, Arm], Field(json_schema_extra={"required": ["student", "baseline"]})]
    label_efficiency: list[LabelFraction]
    """One entry per label fraction, the smallest first."""
    sentence: str
    calibration: dict[str, ArmCalibration]
    curves: Curves
    subgroups: list[Subgroup]
    leak_audit: list[LeakCheck]
    provenance: Provenance
    settings: Settings


def check_report(report: Mapping[str, Any], where: object = "report.json") -> None:
    """Refuse a report that does not fit the schema.

    Args:
        report: plain values, of the current version.
        where: the file, for the message.

    Raises:
        MedkdError: naming the first place that does not fit.
    """
    try:
        parse_document(ReportDocument, report, where)
    except InputError as error:
        raise MedkdError(
            f"report does not fit its schema: {error.what}", where=where, remedy="Make it with assess()"
        ) from error
    for arms in (report["arms"], *(entry["arms"] for entry in report["label_efficiency"])):
        for name in ("student", "baseline"):
            if name not in arms:
                raise MedkdError(
                    f"report does not fit its schema: no arm '{name}'", where=where, remedy="Make it with assess()"
                )


def report_schema() -> dict[str, Any]:
    """The JSON schema, as ``report.schema.json`` holds it."""
    return dict(schema_of(ReportDocument, f"medkd report, version {VERSION}"))


if __name__ == "__main__":
    write_json(SCHEMA_FILE, report_schema())
