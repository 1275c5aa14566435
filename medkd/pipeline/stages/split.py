"""Draw a seed's split and write it once."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from medkd.data.io.load import read_table
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.stage import Stage


class SplitStage(Stage):
    """Config: ``seed``, ``protocol``, ``inputs`` (their digest)."""

    kind: ClassVar[str] = "split"

    def file(self, run: Path) -> Path:
        """Where the split lies."""
        return self.folder(run) / "split.json"

    def load(self, run: Path) -> Split:
        """The split, checked."""
        return Split.load(self.file(run))

    def run(self, run: Path) -> None:
        """Draw and write."""
        inputs = PreparedCohort.load(run)
        samples = read_table(PreparedCohort.samples_file(run))
        split = draw_split(samples, inputs.target, self.config["protocol"], self.config["seed"], inputs.official)
        split.save(self.file(run))
