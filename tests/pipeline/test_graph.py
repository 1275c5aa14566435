"""Graph: who is fitted without which folds, and whose outputs a student learns from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import medkd.tasks
from medkd.pipeline.graph import Graph, make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.stages.bank import BankStage
from medkd.pipeline.stages.fit import FitStage

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
Named = Callable[..., PreparedCohort]


def graph_of(cohort: PreparedCohort, fast: bool = False, **chosen: object) -> Graph:
    recipe = load_recipe(TASK, seeds=2, label_fractions=(0.5, 1.0), fast=fast, **chosen)
    return make_graph(recipe, cohort)


def teachers(bank: BankStage) -> list[tuple[int, ...]]:
    return [tuple(need.config["held_out"]) for name, need in bank.needs.items() if name.startswith("teacher:")]


@pytest.mark.parametrize("folds", [3, 4, 5])
def test_each_pair_of_folds_has_one_teacher(named_cohort: Named, folds: int):
    graph = graph_of(named_cohort(f"kfold:{folds}"))
    made = [name for name in graph.stages if name.startswith("labels1/seed0/teacher-without-")]
    assert len(made) == folds * (folds - 1) // 2 + folds
    first = graph.stages["labels1/seed0/bank-teacher-fold1"].needs.values()
    second = graph.stages["labels1/seed0/bank-teacher-fold2"].needs.values()
    assert [stage.name for stage in first if stage in second and isinstance(stage, FitStage)] == [
        "labels1/seed0/teacher-without-1-2"
    ]


@pytest.mark.parametrize("protocol", ["kfold:4", "holdout", "official"])
def test_no_teacher_of_a_bank_saw_the_outer_fold_or_the_fold_that_it_answers_for(named_cohort: Named, protocol: str):
    graph = graph_of(named_cohort(protocol))
    banks = [stage for stage in graph.stages.values() if isinstance(stage, BankStage)]
    assert banks
    for bank in banks:
        outer = set(bank.config["held_out"])
        assert all(outer < set(folds) for folds in teachers(bank))
        answered = [set(folds) - outer for folds in teachers(bank)]
        assert all(len(folds) == 1 for folds in answered)
        assert set.union(*answered) == {*graph.crossfit, *(() if outer else graph.evaluated)} - outer


def test_a_student_is_fitted_without_the_fold_that_its_bank_leaves_out(named_cohort: Named):
    for stage in graph_of(named_cohort()).stages.values():
        bank = stage.needs.get("bank:teacher") if isinstance(stage, FitStage) else None
        if bank is not None:
            source = bank.needs.get("bank", bank)
            assert stage.config["held_out"] == source.config["held_out"]
            assert stage.config["seed"] == source.needs["split"].config["seed"]


def test_the_report_shows_each_arm_once_per_seed_fold_and_fraction(named_cohort: Named):
    graph = graph_of(named_cohort("kfold:3"))
    fits = [stage for stage in graph.stages["evidence"].needs.values() if isinstance(stage, FitStage)]
    shown = [
        (fit.config["arm"], fit.config["seed"], *fit.config["held_out"], fit.config["label_fraction"]) for fit in fits
    ]
    arms = ("teacher", "baseline", "student", *graph.recipe.controls)
    assert sorted(shown) == sorted(
        (arm, seed, fold, fraction) for arm in arms for seed in (0, 1) for fold in (0, 1, 2) for fraction in (0.5, 1.0)
    )
    unreported = [stage for stage in graph.stages.values() if isinstance(stage, FitStage) and stage not in fits]
    assert {fit.config["arm"] for fit in unreported} == {""}


def test_only_students_use_unlabelled_samples_and_not_that_of_the_label_only_teacher(named_cohort: Named):
    for stage in graph_of(named_cohort()).stages.values():
        if isinstance(stage, FitStage):
            learns = "bank:teacher" in stage.needs and "label_only_teacher" not in stage.name
            assert stage.config["unlabelled"] is learns


def test_the_deployed_student_holds_nothing_out_at_the_largest_fraction(named_cohort: Named):
    bundle = graph_of(named_cohort()).stages["bundle"]
    assert bundle.needs["refit"].name == "labels1/seed0/student-refit"
    assert bundle.needs["refit"].config["held_out"] == []


def test_a_fast_run_tests_two_folds_and_crossfits_all(named_cohort: Named):
    graph = graph_of(named_cohort("kfold:3"), fast=True)
    assert (graph.evaluated, graph.crossfit) == ((0, 1), (0, 1, 2))
    assert graph.stages["labels1/seed0/student-fold1"].config["data"]["steps"] == 20


def test_stages_come_after_those_that_they_need(named_cohort: Named):
    seen: set[str] = set()
    for stage in graph_of(named_cohort()).stages.values():
        assert {need.name for need in stage.needs.values()} <= seen
        seen.add(stage.name)
