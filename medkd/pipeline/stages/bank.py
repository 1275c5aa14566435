"""Bank stages: the outputs of cross-fitted teachers, computed once; and the banks of the controls."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from medkd.data.io.load import read_table
from medkd.distill.bank import BankMeta, TeacherBank
from medkd.distill.bank_builder import build_bank
from medkd.distill.control_banks import label_only_bank, shuffled_bank
from medkd.distill.folds import Member
from medkd.distill.learner import FittedModel, learner_sha256
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage


class BankStage(Stage):
    """Out-of-fold outputs of one outer fold's teachers.

    Config: ``model_input`` (the teachers' role), ``held_out`` (outer folds), ``label_fraction``, ``fields``. Needs
    ``split`` and the teachers' fits as ``teacher:N``.
    """

    kind: ClassVar[str] = "bank"

    def run(self, run: Path) -> None:
        """Build it, or resume a build that was killed."""
        cohort, split = PreparedCohort.load(run), self.needs["split"].load(run)  # type: ignore[attr-defined]
        fits = [
            stage for name, stage in self.needs.items() if name.startswith("teacher:") and isinstance(stage, FitStage)
        ]
        members = [Member(FittedModel.load(stage.learner(run)), frozenset(stage.config["held_out"])) for stage in fits]
        arrays = cohort.arrays(self.config["model_input"])
        meta = BankMeta(
            teachers={str(stage.learner(run).resolve()): learner_sha256(stage.learner(run)) for stage in fits},
            prepared={str(stored.folder.resolve()): stored.sha256 for stored in arrays.values()},
            split_sha256=split.sha256,
            held_out=tuple(self.config["held_out"]),
            label_fraction=self.config["label_fraction"],
            fields=tuple(self.config["fields"]),
        )
        build_bank(self.folder(run) / "bank", members, split, arrays, meta)


class ControlBankStage(Stage):
    """The bank of a teacher that knows less, derived from another.

    Config: ``control``, ``seed``. Needs ``bank``.
    """

    kind: ClassVar[str] = "bank"

    def run(self, run: Path) -> None:
        """Derive it."""
        source = TeacherBank.open(self.needs["bank"].folder(run) / "bank")
        out = self.folder(run) / "bank"
        if self.config["control"] == "shuffled_teacher":
            shuffled_bank(source, out, self.config["seed"])
        else:
            label_only_bank(source, out, read_table(PreparedCohort.samples_file(run)), PreparedCohort.load(run).target)
