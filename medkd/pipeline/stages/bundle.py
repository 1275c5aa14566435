"""Bundle stage: the refitted student, calibrated on the inner validation of all folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from medkd.data.core.sample import Exclusion
from medkd.data.core.view import View
from medkd.data.io.load import read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.drift import LEAST, Drift
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.distill.learner import FittedModel
from medkd.evidence.calibration.fit_calibration import arrays_of, fit_calibration, held_out_coverage
from medkd.evidence.report_reader import read_report
from medkd.evidence.settings import EvidenceSettings
from medkd.pipeline.participants import participants
from medkd.pipeline.prepared_cohort import PreparedCohort, trusted
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage


class BundleStage(Stage):
    """The bundle. Config: ``label_fraction`` (the fraction refitted at). Needs ``evidence`` and ``refit``."""

    kind: ClassVar[str] = "bundle"
    revision: ClassVar[int] = 2

    def run(self, run: Path) -> None:
        """Write ``bundle/``."""
        cohort, evidence, refit = PreparedCohort.load(run), self.needs["evidence"], self.needs["refit"]
        assert isinstance(refit, FitStage)  # noqa: S101 (narrows the type; the graph builds it so)
        settings = EvidenceSettings(**evidence.config["evidence"])
        rows = read_table(evidence.folder(run) / "predictions.parquet", evidence.remedy(run)).filter(
            (pl.col("arm") == "student") & (pl.col("label_fraction") == self.config["label_fraction"])
        )
        logits, y, subjects = arrays_of(rows.filter(pl.col("role") == "val"), cohort.target)
        calibration = {
            **fit_calibration(logits, y, cohort.target, settings.threshold, subjects),
            "obtained": f"{len(logits)} inner-validation predictions of the student over all folds and seeds",
            "operating_point": {"chosen_for": settings.threshold},
        }
        card = {
            "licence": cohort.licence,
            "flow": _counted(cohort.flow),
            "aside": _counted(cohort.aside),
            "participants": participants(
                read_table(PreparedCohort.samples_file(run)), cohort.target, settings.min_group
            ),
            "coverage": held_out_coverage(rows, cohort.target),
        }
        report = read_report(run / "report.json", evidence.remedy(run))
        drift = _drift(refit, cohort, run)
        trust = trusted(cohort.model_inputs["student"])
        Bundle.write(self.folder(run), refit.learner(run), calibration, report, card=card, drift=drift, trust=trust)


def _drift(refit: FitStage, cohort: PreparedCohort, run: Path) -> dict[str, Any] | None:
    """The drift reference of the samples that the deployed weights were fitted on; None where they are too few."""
    learner, data = FittedModel.load(refit.learner(run)), refit.data(run)
    data.setup("fit")
    ids = data.ids("train")
    if len(ids) < LEAST:
        return None
    preprocessing = Preprocessing(
        View.parse(learner.model_input.view), dict(learner.model_input.modalities), dict(learner.statistics)
    )
    return Drift.fit(preprocessing, cohort.arrays("student"), ids).to_dict()


def _counted(rows: Sequence[Exclusion]) -> list[dict[str, Any]]:
    return [{"reason": row.reason, "count": row.count} for row in rows]
