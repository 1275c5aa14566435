"""Fit a learner that is no Lightning run, such as boosted trees."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from medkd.data.core.instantiate import instantiate
from medkd.distill.bank import TeacherBank
from medkd.distill.trees import TreeLearner
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage


class LearnerStage(FitStage):
    """Fit what ``model.learner`` names. Config and needs are those of ``FitStage``."""

    kind: ClassVar[str] = "fit"

    def command(self, run: Path) -> str:
        """What a user types to repeat it by hand."""
        return Stage.command(self, run)

    def run(self, run: Path) -> None:
        """Fit, and predict the validation and test samples."""
        spec = self.config["model"]["learner"]
        learner = instantiate(spec, TreeLearner, ("medkd", str(spec["class_path"]).split(".")[0]))
        data = self.data(run)
        data.setup("fit")
        banks = {name: TeacherBank.open(Path(folder)) for name, folder in self.banks(run).items()}
        learner.fit(data, banks, self.config["seed"], self.config["threads"]).save(self.learner(run))
        if self.config["arm"]:
            self.predict(run)
