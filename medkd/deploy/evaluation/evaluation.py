"""Evaluation of a run's predictions against labels: all figures, computed and written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from medkd import __version__
from medkd.data.io.atomic import write_json
from medkd.deploy.evaluation.evaluated_model import EvaluatedModel
from medkd.deploy.evaluation.evaluation_report import write_evaluation
from medkd.deploy.evaluation.labels import labelled_predictions
from medkd.deploy.evaluation.performance import coverage, evidence_settings, performance, shares
from medkd.deploy.evaluation.recalibration import Recalibration, Subset
from medkd.deploy.evaluation.sentence import details, sentence
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.deploy.evaluation.temporal import over_time
from medkd.deploy.inference.run_record import RunRecord
from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings

RECALIBRATION = "recalibration.json"


def evaluate_predictions(
    model: EvaluatedModel,
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    run: RunRecord,
    out: Path,
    flow: Sequence[tuple[str, int]],
    settings: EvaluateSettings,
) -> dict[str, Any]:
    """Compute every figure, and write ``evaluation.json``, ``.html`` and ``_predictions.parquet``.

    And ``recalibration.json`` where asked for.

    Args:
        model: under evaluation.
        predictions: the run's table.
        labels: see ``with_labels``; with a column ``time`` where the course of time is to be shown.
        run: the run's ``run.json``.
        out: the folder.
        flow: (reason, samples) for the table of who was studied.
        settings: how.

    Raises:
        InputError: nobody was both scored and labelled, or the subset cannot be used.
    """
    target = model.target
    evidence = evidence_settings(model.report, target, settings.fast)
    subset = None if settings.recalibrate is None else Subset.parse(settings.recalibrate)
    everyone = labelled_predictions(predictions, labels, target, dict(model.threshold), evidence)
    if everyone.is_empty():
        raise _nobody(predictions, labels, run, out)
    scored, recalibration = everyone, None
    if subset is not None:
        scored, recalibration = _recalibrated(everyone, labels, model, evidence, subset)
    samples = scored.unique("sample", maintain_order=True)
    has_time = model.kind == "follow-up" and "time" in everyone.columns
    evaluation: dict[str, Any] = {
        "schema_version": 1,
        "kind": model.kind,
        "task": str(model.report.get("task", "")),
        "cohort": model.cohort,
        "target": target.key,
        "target_kind": target.kind,
        "classes": list(target.names),
        "rule": target.rule,
        "units": target.units,
        "view": run.view,
        "in_sample": model.in_sample,
        "fast": settings.fast,
        "n": {
            "items": run.counts.items,
            "scored": run.counts.ok,
            "set_aside": run.counts.quarantined,
            "labelled": samples.height,
            "subjects": samples["subject"].n_unique(),
        },
        "flow": [
            {"reason": reason, "count": count} for reason, count in [*flow, ("samples in the figures", samples.height)]
        ],
        **performance(scored, target, evidence, model.report),
        "conformal": coverage(scored, target, None if model.bundle is None else model.bundle.conformal),
        "input": {**shares(samples, samples["subject"]), "psi": dict(model.psi)},
        "recalibration": None if recalibration is None else recalibration.to_dict(),
        "over_time": over_time(everyone, target, evidence, settings.period) if has_time else None,
        "development": {
            key: model.report.get(key) for key in ("cohort", "protocol", "n", "sentence") if key in model.report
        },
        "provenance": {
            "bundle_sha256": run.bundle_sha256,
            "model_sha256": run.model_sha256,
            "predictions_sha256": run.predictions_sha256,
            "source": run.source,
            "versions": {
                "medkd": __version__,
                **{key: value for key, value in run.versions.items() if key != "medkd"},
            },
            "command": shlex.join(["medkd", *sys.argv[1:]]) if sys.argv[1:2] == ["evaluate"] else "",
        },
        "settings": {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(evidence).items()
        },
    }
    evaluation |= {"sentence": sentence(evaluation), "details": details(evaluation)}
    write_evaluation(out, evaluation, scored)
    if recalibration is None:
        (out / RECALIBRATION).unlink(missing_ok=True)
    else:
        digests = {key: evaluation["provenance"][key] for key in ("bundle_sha256", "model_sha256")}
        document = {"schema_version": 1, **digests, "target": target.key, **recalibration.to_dict()}
        write_json(out / RECALIBRATION, document)
    return evaluation


def _nobody(predictions: pl.DataFrame, labels: pl.DataFrame, run: RunRecord, out: Path) -> InputError:
    """Why no sample was both scored and labelled, and what to do about that reason."""
    both = predictions.join(labels, on="sample_id", how="semi").height
    if both:
        return InputError(
            f"{both} samples were scored, and none of them has a label", where=out, remedy="Fill in the target's column"
        )
    aside = (
        f" and {run.counts.quarantined} set aside, with reasons in its quarantine.csv" if run.counts.quarantined else ""
    )
    return InputError(
        f"{run.counts.ok} samples were scored{aside}, none of which is among the {labels.height} to be compared with",
        where=out,
        remedy="Compare the ids of both",
    )


def _recalibrated(
    everyone: pl.DataFrame, labels: pl.DataFrame, model: EvaluatedModel, settings: EvidenceSettings, subset: Subset
) -> tuple[pl.DataFrame, Recalibration]:
    """The rows of those who are not in the subset, before and after recalibration on the subset."""
    scored_subjects = labels.filter(pl.col("subject_id").is_in(everyone["subject"].unique().to_list()))
    chosen = pl.col("subject").is_in(list(subset.subjects(scored_subjects)))
    others = everyone.filter(~chosen)
    if others.is_empty():
        raise InputError(
            "nobody is left to report on", where=f"--recalibrate: {subset.description}", remedy="Name fewer subjects"
        )
    recalibration = Recalibration.fit(everyone.filter(chosen), model.target, settings, model.rule, subset)
    return pl.concat([others, recalibration.arm(others, model.target)], how="diagonal"), recalibration
