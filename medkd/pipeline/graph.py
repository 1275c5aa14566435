"""From a recipe to its stages: who is fitted on what, and who teaches whom."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medkd.data.io.digest import digest_of
from medkd.distill.bank import FIELDS
from medkd.pipeline.prepared_cohort import PRETRAINING, PreparedCohort
from medkd.pipeline.recipe import Arm, Recipe, merged
from medkd.pipeline.stages.bank import BankStage, ControlBankStage
from medkd.pipeline.stages.bundle import BundleStage
from medkd.pipeline.stages.evidence import EvidenceStage
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.learner import LearnerStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage

FAST: dict[type[FitStage], dict[str, Any]] = {
    FitStage: {"data": {"steps": 20}, "trainer": {"max_epochs": 1}},
    LearnerStage: {"model": {"learner": {"init_args": {"num_boost_round": 20}}}},
}
"""What a ``--fast`` run changes in a fit."""


@dataclass
class Graph:
    """All stages of a run, each once, a stage after those that it needs.

    Args:
        recipe: what is asked for.
        inputs: the prepared cohort.
        evaluated: test folds of each seed.
        crossfit: folds that out-of-fold teachers leave out in turn.
        fields: what banks must keep for the student's objectives.
    """

    recipe: Recipe
    inputs: PreparedCohort
    evaluated: tuple[int, ...]
    crossfit: tuple[int, ...]
    fields: tuple[str, ...]
    stages: dict[str, Stage] = field(default_factory=dict)

    def add(self, stage: Stage) -> Stage:
        """The stage of that name, made once."""
        return self.stages.setdefault(stage.name, stage)

    def split(self, seed: int) -> Stage:
        """A seed's split."""
        config = {"seed": seed, "protocol": self.inputs.protocol, "inputs": self.inputs.digest}
        return self.add(SplitStage(f"split/seed{seed}", {}, config))

    def fit(
        self,
        name: str,
        arm: Arm,
        role: str,
        seed: int,
        held_out: Sequence[int],
        label_fraction: float,
        shown: str = "",
        bank: Stage | None = None,
        unlabelled: bool = False,
    ) -> FitStage:
        """One network, trained without the folds ``held_out``."""
        kind = LearnerStage if "learner" in arm.model else FitStage
        fitted = merged(asdict(arm), FAST[kind]) if self.recipe.fast else asdict(arm)
        config: dict[str, Any] = {
            "model_input": role,
            "arm": shown,
            "model": fitted["model"],
            "data": fitted["data"],
            "trainer": fitted["trainer"],
            "seed": seed,
            "held_out": list(held_out),
            "label_fraction": label_fraction,
            "unlabelled": unlabelled,
            "threads": self.recipe.threads,
        }
        needs: dict[str, Stage] = {"split": self.split(seed)} | ({"bank:teacher": bank} if bank else {})
        if arm.pretrain:
            needs["start"] = self.pretrained(arm, seed, held_out)
            config["freeze"] = arm.freezes(label_fraction)
        stage = self.add(kind(name, needs, config))
        assert isinstance(stage, FitStage)  # noqa: S101 (narrows the type)
        return stage

    def pretrained(self, arm: Arm, seed: int, held_out: Sequence[int]) -> FitStage:
        """What an arm begins with.

        Fitted without its held-out folds, on labelled and unlabelled samples alike, once for all shares.
        """
        name = f"pretrain/seed{seed}/{digest_of(arm.pretraining())[:8]}-without-{'-'.join(map(str, sorted(held_out))) or 'none'}"
        return self.fit(name, arm.pretraining(), PRETRAINING, seed, sorted(held_out), 1.0, unlabelled=True)

    def without(self, kind: str, seed: int, held_out: Sequence[int], label_fraction: float) -> FitStage:
        """The teacher, or the baseline, that was trained without some folds; every bank and arm that wants it shares it."""
        folds = sorted(set(held_out))
        role, arm = ("teacher", self.recipe.teacher) if kind == "teacher" else ("student", self.recipe.baseline)
        shown = kind if len(folds) == 1 and folds[0] in self.evaluated else ""
        name = f"{_at(label_fraction, seed)}/{kind}-without-{'-'.join(map(str, folds)) or 'none'}"
        return self.fit(name, arm, role, seed, folds, label_fraction, shown)

    def bank(self, kind: str, seed: int, outer: Sequence[int], label_fraction: float) -> Stage:
        """Out-of-fold answers for every subject outside ``outer``: one teacher a cross-fitting fold."""
        folds = [fold for fold in (*self.crossfit, *(() if outer else self.evaluated)) if fold not in outer]
        needs: dict[str, Stage] = {"split": self.split(seed)}
        for place, fold in enumerate(sorted(set(folds))):
            needs[f"teacher:{place}"] = self.without(kind, seed, (*outer, fold), label_fraction)
        role = "teacher" if kind == "teacher" else "student"
        config = {
            "model_input": role,
            "held_out": list(outer),
            "label_fraction": label_fraction,
            "fields": list(self.fields),
        }
        return self.add(BankStage(f"{_at(label_fraction, seed)}/bank-{kind}-{_fold(outer)}", needs, config))

    def control_bank(self, control: str, seed: int, outer: Sequence[int], label_fraction: float) -> Stage:
        """The bank of a control's teacher."""
        if control == "self_teacher":
            return self.bank("baseline", seed, outer, label_fraction)
        needs = {"bank": self.bank("teacher", seed, outer, label_fraction), "split": self.split(seed)}
        return self.add(
            ControlBankStage(
                f"{_at(label_fraction, seed)}/bank-{control}-{_fold(outer)}", needs, {"control": control, "seed": seed}
            )
        )

    def student(self, shown: str, bank: Stage, seed: int, outer: Sequence[int], label_fraction: float) -> FitStage:
        """A student of some bank.

        A label-only teacher is silent where no label is, so its student sees labelled samples alone.
        """
        name = f"{_at(label_fraction, seed)}/{shown}-{_fold(outer)}"
        return self.fit(
            name,
            self.recipe.student,
            "student",
            seed,
            outer,
            label_fraction,
            shown if outer else "",
            bank,
            shown != "label_only_teacher",
        )

    def arms(self, label_fraction: float) -> Iterator[FitStage]:
        """Every fit that the evidence at one label fraction shows."""
        for seed in range(self.recipe.seeds):
            for fold in self.evaluated:
                yield self.without("teacher", seed, (fold,), label_fraction)
                yield self.without("baseline", seed, (fold,), label_fraction)
                yield self.student(
                    "student", self.bank("teacher", seed, (fold,), label_fraction), seed, (fold,), label_fraction
                )
                for control in self.recipe.controls:
                    yield self.student(
                        control,
                        self.control_bank(control, seed, (fold,), label_fraction),
                        seed,
                        (fold,),
                        label_fraction,
                    )

    def build(self) -> Graph:
        """All stages up to the bundle."""
        shown = [fit for label_fraction in self.recipe.label_fractions for fit in self.arms(label_fraction)]
        banks = {stage.name: stage for stage in self.stages.values() if isinstance(stage, BankStage | ControlBankStage)}
        needs: dict[str, Stage] = {f"fit:{fit.name}": fit for fit in shown} | {
            f"bank:{name}": bank for name, bank in banks.items()
        }
        needs |= {f"split:{seed}": self.split(seed) for seed in range(self.recipe.seeds)}
        held = {
            "evidence": self.recipe.evidence,
            "fast": self.recipe.fast,
            "task": self.recipe.task,
            "inputs": self.inputs.digest,
        }
        evidence = self.add(EvidenceStage("evidence", needs, held))
        largest = max(self.recipe.label_fractions)
        refit = self.student("student", self.bank("teacher", 0, (), largest), 0, (), largest)
        self.add(BundleStage("bundle", {"evidence": evidence, "refit": refit}, {"label_fraction": largest}))
        return self


def make_graph(recipe: Recipe, inputs: PreparedCohort) -> Graph:
    """The stages of a recipe on a prepared cohort; a ``--fast`` run evaluates two folds."""
    count = int(inputs.protocol.partition(":")[2] or 0)
    evaluated = tuple(range(count)) if count else (0,)
    crossfit = evaluated if count else (1, 2, 3, 4, 5)
    return Graph(
        recipe, inputs, evaluated[:2] if recipe.fast else evaluated, crossfit, needed_fields(recipe.student)
    ).build()


def needed_fields(student: Arm) -> tuple[str, ...]:
    """What a bank must keep for a student's objectives; logits always, for the controls."""
    wanted = {"logits"}
    for spec in (student.model.get("objectives") or {}).values():
        module, _, name = str(spec["class_path"]).rpartition(".")
        wanted |= set(getattr(importlib.import_module(module), name).needs_teacher)
    return tuple(name for name in FIELDS if name in wanted)


def _at(label_fraction: float, seed: int) -> str:
    return f"labels{label_fraction:g}/seed{seed}"


def _fold(outer: Sequence[int]) -> str:
    return f"fold{outer[0]}" if outer else "refit"
