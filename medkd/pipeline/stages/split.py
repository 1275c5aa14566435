"""Split stage: a seed's split, drawn and written once."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from medkd.data.io.load import read_table
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.stage import Stage


class SplitStage(Stage):
    """A seed's split. Config: ``seed``, ``protocol``, ``inputs`` (digest of the prepared cohort)."""

    kind: ClassVar[str] = "split"

    def file(self, run: Path) -> Path:
        """The file of the split."""
        return self.folder(run) / "split.json"

    def load(self, run: Path) -> Split:
        """The split, its sha256 checked."""
        return Split.load(self.file(run))

    def run(self, run: Path) -> None:
        """Draw and write."""
        cohort = PreparedCohort.load(run)
        samples = read_table(PreparedCohort.samples_file(run))
        split = draw_split(samples, cohort.target, self.config["protocol"], self.config["seed"], cohort.official)
        split.save(self.file(run))
