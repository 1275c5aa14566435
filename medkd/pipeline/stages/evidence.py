"""Evidence stage: the predictions of all fits, compared in a report."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from medkd import __version__
from medkd.data.io.atomic import writing
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_table
from medkd.evidence.assess import assess
from medkd.evidence.report import write_report
from medkd.evidence.scoring import score_predictions
from medkd.evidence.settings import EvidenceSettings
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.leak_audit import audit
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage

VERSIONS = ("torch", "lightning", "numpy", "polars", "scipy", "scikit-learn")


class EvidenceStage(Stage):
    """The report.

    Config: ``evidence`` (settings), ``fast``, ``task``, ``inputs`` (digest of the prepared cohort). Needs every fit
    that the report shows, every bank and every split.
    """

    kind: ClassVar[str] = "evidence"

    def run(self, run: Path) -> None:
        """Write ``report.json``, ``report.html`` and ``test_predictions.parquet`` into the run's folder."""
        cohort = PreparedCohort.load(run)
        samples = read_table(PreparedCohort.samples_file(run))
        settings = EvidenceSettings(**self.config["evidence"])
        fits = [stage for stage in self.needs.values() if isinstance(stage, FitStage)]
        predictions = pl.concat([read_table(fit.folder(run) / "predictions.parquet", fit.remedy(run)) for fit in fits])
        with writing(self.folder(run) / "predictions.parquet") as temporary:
            predictions.write_parquet(temporary)
        scored = score_predictions(predictions, cohort.target, settings, samples)
        report = assess(
            predictions,
            samples,
            cohort.target,
            settings,
            audit(self.needs, cohort, run),
            self._provenance(cohort, run),
            task=self.config["task"],
            cohort=cohort.name,
            protocol=cohort.protocol,
            student_view=cohort.model_inputs["student"]["view"],
            teacher_view=cohort.model_inputs["teacher"]["view"],
            counts=self._counts(run, fits),
            fast=self.config["fast"],
        )
        flow, aside = ([(step.reason, step.count) for step in steps] for steps in (cohort.flow, cohort.aside))
        write_report(run, report, scored, _histories(fits, run), flow, aside)

    def _provenance(self, cohort: PreparedCohort, run: Path) -> dict[str, Any]:
        splits = [stage.load(run) for stage in self.needs.values() if isinstance(stage, SplitStage)]
        return {
            "split_sha256": splits[0].sha256 if len(splits) == 1 else digest_of([split.sha256 for split in splits]),
            "config_sha256": self.digest,
            "data_sha256": cohort.data_sha256,
            "versions": {"medkd": __version__} | {name: importlib.metadata.version(name) for name in VERSIONS},
            "command": (run / "command.txt").read_text(encoding="utf-8").strip()
            if (run / "command.txt").is_file()
            else "",
        }

    def _counts(self, run: Path, fits: list[FitStage]) -> dict[str, int]:
        """Training and inner-validation samples of the first student at the largest label fraction."""
        first = max(
            (fit for fit in fits if fit.config["arm"] == "student"), key=lambda fit: float(fit.config["label_fraction"])
        )
        split = first.needs["split"].load(run)  # type: ignore[attr-defined]
        held_out, label_fraction = first.config["held_out"], first.config["label_fraction"]
        return {role: split.role(role, held_out, label_fraction).height for role in ("train", "val")}


def _histories(fits: list[FitStage], run: Path) -> list[pl.DataFrame]:
    """Training curves of the fits at the largest label fraction."""
    largest = max(fit.config["label_fraction"] for fit in fits)
    histories = (_history(fit, run) for fit in fits if fit.config["label_fraction"] == largest)
    return [history for history in histories if history is not None]


def _history(fit: FitStage, run: Path) -> pl.DataFrame | None:
    """Training curves that Lightning's CSV logger left, in long form."""
    file = fit.folder(run) / "logs" / "metrics.csv"
    if not file.is_file() or file.stat().st_size == 0:
        return None
    logged = pl.read_csv(file, infer_schema_length=None)
    names = [name for name in logged.columns if "/" in name]
    long = logged.unpivot(names, index="step", variable_name="name", value_name="value").filter(
        pl.col("value").is_not_null()
    )
    return long.select(
        pl.lit(fit.config["arm"]).alias("arm"),
        pl.lit(fit.config["seed"]).alias("seed"),
        pl.lit(next(iter(fit.config["held_out"]), -1)).alias("fold"),
        pl.col("step").cast(pl.Int64),
        "name",
        pl.col("value").cast(pl.Float64),
    )
