"""External validation of a bundle on a cohort, and follow-up of a run whose outcomes have arrived since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from medkd.data.core.registry import Registry
from medkd.data.core.target import Target
from medkd.data.io.load import read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import REPORT
from medkd.deploy.evaluation.evaluated_model import EvaluatedModel
from medkd.deploy.evaluation.evaluation import evaluate_predictions
from medkd.deploy.evaluation.external_cohort import ExternalCohort, input_shift
from medkd.deploy.evaluation.labels import with_labels
from medkd.deploy.evaluation.outcomes import read_outcomes
from medkd.deploy.evaluation.settings import DEFAULTS, EvaluateSettings
from medkd.deploy.inference.plan import PARQUET, QUARANTINE
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.run_record import read_run_record
from medkd.deploy.inference.settings import PredictSettings
from medkd.deploy.inference.text_table import read_text_table
from medkd.errors import InputError, nearest
from medkd.evidence.report_reader import read_report

SCORES = "scores"


def evaluate_cohort(
    bundle: Path,
    cohort: str,
    root: Path | None,
    out: Path,
    settings: EvaluateSettings = DEFAULTS,
    *,
    registry: Registry,
) -> dict[str, Any]:
    """External validation: score a cohort, and compare the predictions with its labels.

    Args:
        bundle: the bundle's folder, which is not changed.
        cohort, root: the data set and its folder; a synthetic one needs none.
        out: gets ``evaluation.json``, ``evaluation.html``, ``evaluation_predictions.parquet`` and the folder
            ``scores``.
        settings: how.
        registry: knows the cohort.

    Returns:
        What ``evaluation.json`` holds.

    Raises:
        InputError: the cohort does not have the bundle's target, none of its samples could be scored, or something
            cannot be read.
    """
    _check_out(out, bundle)
    loaded = Bundle.load(bundle, settings.trust, key=settings.require_signed)
    external = ExternalCohort.open(cohort, root, out, loaded.target, settings.target, registry=registry)
    scoring = PredictSettings(trust=settings.trust, require_signed=settings.require_signed)
    predict(bundle, external.root, out / SCORES, scoring, registry=registry)
    predictions, record = read_table(out / SCORES / PARQUET), read_run_record(out / SCORES)
    report = read_report(bundle / REPORT)
    model = EvaluatedModel(
        "external validation",
        cohort,
        external.target,
        loaded.threshold,
        report,
        loaded,
        in_sample=str(report.get("cohort", "")).lower() == cohort.lower(),
        psi=input_shift(loaded, external.root, out, registry=registry),
    )
    labels = with_labels(external.samples, external.target)
    flow = [*external.flow, *_missing(external.samples, predictions, out / SCORES, labels, external.target)]
    return evaluate_predictions(model, predictions, labels, record, out, flow, settings)


def evaluate_outcomes(
    run: Path,
    outcomes: Path,
    out: Path,
    settings: EvaluateSettings = DEFAULTS,
    *,
    bundle: Path | None = None,
    manifest: Path | None = None,
) -> dict[str, Any]:
    """Follow-up: compare a finished run with outcomes that have arrived since.

    Args:
        run: the folder that ``medkd predict`` left.
        outcomes: see ``read_outcomes``.
        out: as for ``evaluate_cohort``.
        settings: how.
        bundle: that made the run; with it, development's figures and the coverage of its sets are shown too.
        manifest: a table with ``sample_id`` and ``subject_id``, where a patient has several samples or outcomes come by
            patient.

    Raises:
        InputError: the run is not finished or of another bundle, or nothing matches.
    """
    _check_out(out, bundle, run)
    predictions, record = read_table(run / PARQUET, "Repeat medkd predict"), read_run_record(run)
    model = EvaluatedModel.of_run(record, run, bundle, settings)
    known = predictions.select("sample_id", *(["subject_id"] if "subject_id" in predictions.columns else []))
    if manifest is not None:
        known = known.select("sample_id").join(_subjects(manifest), on="sample_id", how="left", maintain_order="left")
    matched = read_outcomes(outcomes, model.target, known, _quarantined(run)["item"].to_list())
    flow = [("predictions in the run", predictions.height), *matched.unmatched]
    return evaluate_predictions(model, predictions, matched.table, record, out, flow, settings)


def _subjects(manifest: Path) -> pl.DataFrame:
    if not manifest.is_file():
        raise InputError("no such file", where=manifest, remedy="Give a table with sample_id and subject_id")
    table = read_text_table(manifest, "manifest").table
    for column in ("sample_id", "subject_id"):
        if column not in table.columns:
            raise InputError(
                f"manifest has no column '{column}'", where=manifest, remedy=nearest(column, table.columns)
            )
    return table.select("sample_id", "subject_id").drop_nulls("sample_id").unique("sample_id", maintain_order=True)


def _quarantined(run: Path) -> pl.DataFrame:
    if not (run / QUARANTINE).is_file():
        return pl.DataFrame(schema={"item": pl.String, "reason": pl.String})
    return pl.read_csv(run / QUARANTINE, infer_schema=False)


def _missing(
    samples: pl.DataFrame, predictions: pl.DataFrame, scores: Path, labels: pl.DataFrame, target: Target
) -> list[tuple[str, int]]:
    """Reasons why samples of the cohort are not in the figures, with their counts."""
    quarantined = _quarantined(scores).height
    lacking = samples.join(predictions, on="sample_id", how="anti").height
    unlabelled = labels.filter(pl.all_horizontal(pl.col(f"y_{name}").is_null() for name in target.names)).height
    rows = [
        ("set aside: could not be read or used (scores/quarantine.csv)", min(quarantined, lacking)),
        ("not scored", max(0, lacking - quarantined)),
    ]
    return [row for row in [*rows, ("unlabelled", unlabelled)] if row[1]]


def _check_out(out: Path, *protected: Path | None) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", where="--out", remedy="Give a folder")
    for folder in protected:
        if folder is not None and out.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{out} lies in {folder}, which must not change", where="--out", remedy="Give another folder"
            )
