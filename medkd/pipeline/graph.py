r"""Graph: the stages of a recipe, and with them which teacher answers for which fold.

A student must learn from teachers that never saw its training samples' labels, and no teacher may have seen the outer
test fold. So for the outer fold k, the teacher whose outputs on fold j are banked was fitted without both: T{j,k}. With
the folds 0 to 3:

    ============  =======  =======  =======  =======
    outer fold    outputs on the samples of fold
    (is tested)   0        1        2        3
    ============  =======  =======  =======  =======
    0                      T{0,1}   T{0,2}   T{0,3}
    1             T{0,1}            T{1,2}   T{1,3}
    2             T{0,2}   T{1,2}            T{2,3}
    3             T{0,3}   T{1,3}   T{2,3}
    ============  =======  =======  =======  =======

The table is symmetric: K (K - 1) / 2 teachers serve the K banks. Samples without a label were in no teacher's training,
and get the mean of the row. On the diagonal the arm "teacher" of the evidence is tested: T{k}, fitted without fold k
alone; the bank of the refitted student, which holds nothing out, takes its outputs on fold k from the same T{k}.
``fit_without`` makes each T once, under the name ``teacher-without-0-1``. The baseline is fitted without folds in the
same way, since the control "self_teacher" is a student whose teacher is the baseline.

A seed has stages of its own: ``labels0.1/seed0/bank-teacher-fold2``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from medkd.data.io.digest import digest_of
from medkd.distill.bank import FIELDS
from medkd.pipeline.nested_values import merged
from medkd.pipeline.prepared_cohort import PRETRAINING, PreparedCohort
from medkd.pipeline.recipe import Arm, FitSettings, Pretraining, Recipe
from medkd.pipeline.stages.bank import BankStage, ControlBankStage
from medkd.pipeline.stages.bundle import BundleStage
from medkd.pipeline.stages.evidence import EvidenceStage
from medkd.pipeline.stages.fit import FitStage, LearnerStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage

FAST_SETTINGS: dict[type[FitStage], dict[str, Any]] = {
    FitStage: {"data": {"steps": 20}, "trainer": {"max_epochs": 1}},
    LearnerStage: {"model": {"learner": {"init_args": {"num_boost_round": 20}}}},
}
"""Changes of a fit's settings in a ``--fast`` run."""
UNREPORTED = ""
"""The arm of a fit whose predictions no report shows."""
CrossFitted = Literal["teacher", "baseline"]
"""The arms that are fitted without some folds, to fill banks."""


@dataclass
class Graph:
    """All stages of a run, each once and after those that it needs.

    Args:
        recipe: task, arms, seeds and label fractions.
        cohort: prepared.
        evaluated: outer folds, which are tested in turn.
        crossfit: folds that the teachers of a bank leave out in turn.
        fields: fields of a teacher's output that banks must keep for the student's objectives.
        stages: by name.
    """

    recipe: Recipe
    cohort: PreparedCohort
    evaluated: tuple[int, ...]
    crossfit: tuple[int, ...]
    fields: tuple[str, ...]
    stages: dict[str, Stage] = field(default_factory=dict)

    def add(self, stage: Stage) -> Stage:
        """The stage of that name, made once."""
        return self.stages.setdefault(stage.name, stage)

    def split(self, seed: int) -> Stage:
        """A seed's split."""
        config = {"seed": seed, "protocol": self.cohort.protocol, "inputs": self.cohort.digest}
        return self.add(SplitStage(f"split/seed{seed}", {}, config))

    def fit(
        self,
        name: str,
        settings: FitSettings,
        role: str,
        seed: int,
        held_out: Sequence[int],
        label_fraction: float,
        reported_as: str = UNREPORTED,
        bank: Stage | None = None,
        unlabelled: bool = False,
    ) -> FitStage:
        """One network, or one learner that is none.

        Args:
            name: of the stage.
            settings: of an arm, or of its pretraining.
            role: whose view it sees: "teacher", "student" or "pretraining".
            seed: of the split and of the initialisation.
            held_out: folds that it is fitted without.
            label_fraction: fraction of the training subjects that keep their label.
            reported_as: the arm that the evidence shows its predictions under; "" predicts nothing.
            bank: of its teacher.
            unlabelled: whether it also uses the samples whose label is withheld.
        """
        kind = LearnerStage if "learner" in settings.model else FitStage
        values = settings.model_dump()
        values = merged(values, FAST_SETTINGS[kind]) if self.recipe.fast else values
        config: dict[str, Any] = {
            "model_input": role,
            "arm": reported_as,
            "model": values["model"],
            "data": values["data"],
            "trainer": values["trainer"],
            "seed": seed,
            "held_out": list(held_out),
            "label_fraction": label_fraction,
            "unlabelled": unlabelled,
            "threads": self.recipe.threads,
        }
        needs: dict[str, Stage] = {"split": self.split(seed)} | ({"bank:teacher": bank} if bank else {})
        if isinstance(settings, Arm) and settings.pretrain:
            needs["start"] = self.pretrained(settings.pretrain, seed, held_out)
            config["freeze"] = label_fraction <= settings.pretrain.freeze_up_to
        stage = self.add(kind(name, needs, config))
        assert isinstance(stage, FitStage)  # noqa: S101 (narrows the type)
        return stage

    def pretrained(self, settings: Pretraining, seed: int, held_out: Sequence[int]) -> FitStage:
        """The fit that an arm begins with.

        It is fitted without the arm's held-out folds, on labelled and unlabelled samples alike, once for all label
        fractions.
        """
        folds = sorted(held_out)
        digest = digest_of(settings.model_dump(exclude={"freeze_up_to"}) | {"pretrain": {}})[:8]
        name = f"pretrain/seed{seed}/{digest}-without-{_joined(folds)}"
        return self.fit(name, settings, PRETRAINING, seed, folds, 1.0, unlabelled=True)

    def fit_without(self, arm: CrossFitted, seed: int, folds: Sequence[int], label_fraction: float) -> FitStage:
        """The teacher (or baseline) that was fitted without some folds, T{...} above.

        Every bank and report that wants it shares it. Without one evaluated fold alone, it is an arm of the evidence.
        """
        folds = sorted(set(folds))
        reported_as = arm if len(folds) == 1 and folds[0] in self.evaluated else UNREPORTED
        name = f"{_at(label_fraction, seed)}/{arm}-without-{_joined(folds)}"
        settings = self.recipe.teacher if arm == "teacher" else self.recipe.baseline
        return self.fit(name, settings, _role_of(arm), seed, folds, label_fraction, reported_as)

    def bank(self, arm: CrossFitted, seed: int, outer: Sequence[int], label_fraction: float) -> Stage:
        """A row of the table above: out-of-fold outputs for every subject outside the outer fold.

        Args:
            arm: that teaches.
            seed: of the split.
            outer: the outer fold, or empty for the bank of the refitted student, which covers every fold.
            label_fraction: that the teachers are fitted at.
        """
        folds = {*self.crossfit, *(() if outer else self.evaluated)} - set(outer)
        needs: dict[str, Stage] = {"split": self.split(seed)}
        for index, fold in enumerate(sorted(folds)):
            needs[f"teacher:{index}"] = self.fit_without(arm, seed, (*outer, fold), label_fraction)
        config = {
            "model_input": _role_of(arm),
            "held_out": list(outer),
            "label_fraction": label_fraction,
            "fields": list(self.fields),
        }
        return self.add(BankStage(f"{_at(label_fraction, seed)}/bank-{arm}-{_fold(outer)}", needs, config))

    def control_bank(self, control: str, seed: int, outer: Sequence[int], label_fraction: float) -> Stage:
        """The bank of a control's teacher."""
        if control == "self_teacher":
            return self.bank("baseline", seed, outer, label_fraction)
        needs = {"bank": self.bank("teacher", seed, outer, label_fraction), "split": self.split(seed)}
        name = f"{_at(label_fraction, seed)}/bank-{control}-{_fold(outer)}"
        return self.add(ControlBankStage(name, needs, {"control": control, "seed": seed}))

    def student(self, arm: str, bank: Stage, seed: int, outer: Sequence[int], label_fraction: float) -> FitStage:
        """The student of a bank: the arm "student", or a control under its own name.

        The label-only teacher has no output where there is no label, so its student uses labelled samples alone.
        """
        return self.fit(
            f"{_at(label_fraction, seed)}/{arm}-{_fold(outer)}",
            self.recipe.student,
            "student",
            seed,
            outer,
            label_fraction,
            arm if outer else UNREPORTED,
            bank,
            unlabelled=arm != "label_only_teacher",
        )

    def reported_fits(self, label_fraction: float) -> Iterator[FitStage]:
        """Every fit that the evidence at one label fraction shows."""
        for seed in range(self.recipe.seeds):
            for fold in self.evaluated:
                at = (seed, (fold,), label_fraction)
                yield self.fit_without("teacher", *at)
                yield self.fit_without("baseline", *at)
                yield self.student("student", self.bank("teacher", *at), *at)
                for control in self.recipe.controls:
                    yield self.student(control, self.control_bank(control, *at), *at)

    def build(self) -> Graph:
        """All stages up to the bundle."""
        fits = [fit for label_fraction in self.recipe.label_fractions for fit in self.reported_fits(label_fraction)]
        banks = {stage.name: stage for stage in self.stages.values() if isinstance(stage, BankStage | ControlBankStage)}
        needs: dict[str, Stage] = {f"fit:{fit.name}": fit for fit in fits}
        needs |= {f"bank:{name}": bank for name, bank in banks.items()}
        needs |= {f"split:{seed}": self.split(seed) for seed in range(self.recipe.seeds)}
        config = {
            "evidence": self.recipe.evidence,
            "fast": self.recipe.fast,
            "task": self.recipe.task,
            "inputs": self.cohort.digest,
        }
        evidence = self.add(EvidenceStage("evidence", needs, config))
        largest = max(self.recipe.label_fractions)
        refit = self.student("student", self.bank("teacher", 0, (), largest), 0, (), largest)
        self.add(BundleStage("bundle", {"evidence": evidence, "refit": refit}, {"label_fraction": largest}))
        return self


def make_graph(recipe: Recipe, cohort: PreparedCohort) -> Graph:
    """The stages of a recipe on a prepared cohort; a ``--fast`` run evaluates two folds."""
    count = int(cohort.protocol.partition(":")[2] or 0)
    evaluated = tuple(range(count)) if count else (0,)
    crossfit = evaluated if count else (1, 2, 3, 4, 5)
    tested = evaluated[:2] if recipe.fast else evaluated
    return Graph(recipe, cohort, tested, crossfit, needed_fields(recipe.student)).build()


def needed_fields(student: Arm) -> tuple[str, ...]:
    """Fields that a bank must keep for a student's objectives; logits always, for the controls."""
    wanted = {"logits"}
    for spec in (student.model.get("objectives") or {}).values():
        module, _, name = str(spec["class_path"]).rpartition(".")
        wanted |= set(getattr(importlib.import_module(module), name).needs_teacher)
    return tuple(name for name in FIELDS if name in wanted)


def _role_of(arm: CrossFitted) -> str:
    """The baseline sees the student's view."""
    return "teacher" if arm == "teacher" else "student"


def _at(label_fraction: float, seed: int) -> str:
    return f"labels{label_fraction:g}/seed{seed}"


def _fold(outer: Sequence[int]) -> str:
    return f"fold{outer[0]}" if outer else "refit"


def _joined(folds: Sequence[int]) -> str:
    return "-".join(map(str, folds)) or "none"
