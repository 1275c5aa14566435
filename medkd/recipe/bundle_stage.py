"""What a hospital gets: the refitted student, calibrated on the folds' inner validation."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from medkd.data.reading import read_json, read_table
from medkd.deploy.bundle import Bundle
from medkd.evidence.calibration import choose_threshold, fit_temperature, probabilities
from medkd.evidence.settings import EvidenceSettings
from medkd.recipe.fit_stage import FitStage
from medkd.recipe.inputs import Inputs, trusted
from medkd.recipe.stage import Stage


class BundleStage(Stage):
    """The bundle. Config: ``labels`` (the fraction refitted at). Needs ``evidence`` and ``refit``."""

    kind: ClassVar[str] = "bundle"

    def run(self, run: Path) -> None:
        """Write ``bundle/``."""
        inputs, evidence, refit = Inputs.load(run), self.needs["evidence"], self.needs["refit"]
        assert isinstance(refit, FitStage)  # noqa: S101 (narrows the type; the graph builds it so)
        settings = EvidenceSettings(**evidence.config["evidence"])
        validation = read_table(evidence.folder(run) / "predictions.parquet", evidence.remedy(run)).filter(
            (pl.col("role") == "val") & (pl.col("arm") == "student") & (pl.col("label_fraction") == self.config["labels"])
        )
        names = inputs.target.names
        wide = validation.pivot("class", index=["seed", "fold", "sample_id"], values=["logit", "y"])
        logits = wide.select(_columns(wide, "logit", names)).to_numpy()
        truth = wide.select(_columns(wide, "y", names)).cast(pl.Float64).fill_null(np.nan).to_numpy()
        temperature, threshold = 1.0, dict.fromkeys(names)
        if inputs.target.kind not in ("regression", "forecast"):
            temperature = fit_temperature(logits, truth, inputs.target.is_categorical)
            calibrated = probabilities(logits, inputs.target.is_categorical, temperature)
            if not inputs.target.is_categorical:
                for place, name in enumerate(names):
                    known = np.isfinite(truth[:, place])
                    threshold[name] = choose_threshold(truth[known, place], calibrated[known, place], settings.threshold)
        calibration = {
            "temperature": temperature,
            "threshold": threshold,
            "obtained": f"{wide.height} inner-validation predictions of the student over all folds and seeds",
            "operating_point": {"chosen_for": settings.threshold},
        }
        report = read_json(run / "report.json", evidence.remedy(run))
        Bundle.write(self.folder(run), refit.learner(run), calibration, report, trust=trusted(inputs.parties["student"]))


def _columns(wide: pl.DataFrame, what: str, names: tuple[str, ...]) -> list[str]:
    """Pivoted columns are ``logit_NAME`` and ``y_NAME``."""
    return [f"{what}_{name}" for name in names]
