"""An evaluation from a run's table and what became of the patients, written beside each other."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from medkd import __version__
from medkd.data.io.atomic import write_json
from medkd.deploy.evaluation.evaluated import Evaluated
from medkd.deploy.evaluation.findings import coverage, findings, settings_of, shares
from medkd.deploy.evaluation.labels import held_against
from medkd.deploy.evaluation.recalibration import Recalibration, Subset
from medkd.deploy.evaluation.report import write_evaluation
from medkd.deploy.evaluation.sentence import details, sentence
from medkd.deploy.evaluation.temporal import over_time
from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings

RECALIBRATION = "recalibration.json"


def evaluate(
    what: Evaluated,
    table: pl.DataFrame,
    truth: pl.DataFrame,
    run: Mapping[str, Any],
    out: Path,
    flow: Sequence[tuple[str, int]],
    *,
    subset: Subset | None = None,
    fast: bool = False,
    period: str | None = None,
) -> dict[str, Any]:
    """Take every figure, and write ``evaluation.json``, ``.html``, ``_predictions.parquet``.

    And ``recalibration.json`` where asked for.

    Args:
        what: is evaluated.
        table: the run's predictions.
        truth: see ``truth_of``.
        run: its ``run.json``.
        out: the folder.
        flow: (reason, samples) for the table of who was studied.
        subset: on whom to recalibrate; the figures are then of all others.
        fast: fewer bootstrap replicates.
        period: of the course of time, where the truth has a column ``time``.

    Raises:
        InputError: nobody was both scored and labelled, or the subset cannot be used.
    """
    target = what.target
    settings = settings_of(what.report, target, fast)
    everyone = held_against(table, truth, target, dict(what.threshold), settings)
    if everyone.is_empty():
        raise InputError(
            "none of the samples was both scored and labelled", where=out, remedy="See why in the run's quarantine.csv"
        )
    scored, recalibration = everyone, None
    if subset is not None:
        scored, recalibration = _recalibrated(everyone, truth, what, settings, subset)
    one = scored.unique("sample", maintain_order=True)
    evaluation: dict[str, Any] = {
        "schema_version": 1,
        "kind": what.kind,
        "task": str(what.report.get("task", "")),
        "cohort": what.cohort,
        "target": target.key,
        "target_kind": target.kind,
        "classes": list(target.names),
        "rule": target.rule,
        "units": target.units,
        "view": str(run.get("view", "")),
        "in_sample": what.in_sample,
        "fast": fast,
        "n": {
            "items": int(run["counts"]["items"]),
            "scored": int(run["counts"]["ok"]),
            "set_aside": int(run["counts"]["quarantined"]),
            "labelled": one.height,
            "subjects": one["subject"].n_unique(),
        },
        "flow": [
            {"reason": reason, "count": count} for reason, count in [*flow, ("samples in the figures", one.height)]
        ],
        **findings(scored, target, settings, what.report),
        "conformal": coverage(scored, target, None if what.bundle is None else what.bundle.conformal),
        "input": {**shares(one, one["subject"]), "psi": dict(what.psi)},
        "recalibration": None if recalibration is None else recalibration.to_dict(),
        "over_time": over_time(everyone, target, settings, period) if period and "time" in everyone.columns else None,
        "development": {
            key: what.report.get(key) for key in ("cohort", "protocol", "n", "sentence") if key in what.report
        },
        "provenance": {
            "bundle_sha256": run["plan"]["bundle_sha256"],
            "model_sha256": run["model_sha256"],
            "predictions_sha256": run["predictions_sha256"],
            "source": run["source"],
            "versions": {
                "medkd": __version__,
                **{key: value for key, value in run["versions"].items() if key != "medkd"},
            },
            "command": shlex.join(["medkd", *sys.argv[1:]]) if sys.argv[1:2] == ["evaluate"] else "",
        },
        "settings": {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()
        },
    }
    evaluation |= {"sentence": sentence(evaluation), "details": details(evaluation)}
    write_evaluation(out, evaluation, scored)
    if recalibration is None:
        (out / RECALIBRATION).unlink(missing_ok=True)
    else:
        held = {key: evaluation["provenance"][key] for key in ("bundle_sha256", "model_sha256")}
        write_json(out / RECALIBRATION, {"schema_version": 1, **held, "target": target.key, **recalibration.to_dict()})
    return evaluation


def _recalibrated(
    everyone: pl.DataFrame, truth: pl.DataFrame, what: Evaluated, settings: EvidenceSettings, subset: Subset
) -> tuple[pl.DataFrame, Recalibration]:
    """The rows of those who are not in the subset, before and after what the subset taught."""
    scored_of = truth.filter(pl.col("subject_id").is_in(everyone["subject"].unique().to_list()))
    chosen = pl.col("subject").is_in(list(subset.subjects(scored_of)))
    others = everyone.filter(~chosen)
    if others.is_empty():
        raise InputError(
            "nobody is left to report on", where=f"--recalibrate: {subset.said}", remedy="Name fewer subjects"
        )
    made = Recalibration.fit(everyone.filter(chosen), what.target, settings, what.rule, subset)
    return pl.concat([others, made.arm(others, what.target)], how="diagonal"), made
