"""Leak audit of a run: it passes on a finished run, and fails where a stage lies about what it saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medkd.evidence.leaks.checks import Check
from medkd.pipeline.graph import make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.stages.bank import BankStage
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.leak_audit import audit
from medkd.pipeline.stages.stage import Stage


@pytest.fixture(scope="module")
def needs(fast_run: Path) -> dict[str, Stage]:
    cohort = PreparedCohort.load(fast_run)
    return make_graph(load_recipe(fast_run / "recipe.yaml"), cohort).stages["evidence"].needs


def audited(needs: dict[str, Stage], run: Path, **changes: object) -> dict[str, Check]:
    cohort = PreparedCohort.load(run).model_copy(update=changes)
    return {check.check: check for check in audit(needs, cohort, run)}


def test_a_finished_run_passes_every_check(needs: dict[str, Stage], fast_run: Path):
    checks = audited(needs, fast_run)
    assert len(checks) == 6
    assert [check for check in checks.values() if not check.passed] == []


def test_a_bank_whose_teacher_saw_its_fold_fails(needs: dict[str, Stage], fast_run: Path):
    name, bank = next((name, stage) for name, stage in needs.items() if isinstance(stage, BankStage))
    outer = bank.config["held_out"]
    teachers = {
        key: replace(need, config=need.config | {"held_out": outer}) if key.startswith("teacher:") else need
        for key, need in bank.needs.items()
    }
    checks = audited(needs | {name: replace(bank, needs=teachers)}, fast_run)
    assert [name for name, check in checks.items() if not check.passed] == ["teacher outputs are out of fold"]


def test_statistics_of_a_test_fold_fail(needs: dict[str, Stage], fast_run: Path):
    name, fit = next((name, stage) for name, stage in needs.items() if isinstance(stage, FitStage))
    other = replace(fit, config=fit.config | {"held_out": [(fit.config["held_out"][0] + 1) % 3]})
    checks = audited(needs | {name: other}, fast_run)
    assert [name for name, check in checks.items() if not check.passed] == [
        "statistics fitted on training samples only"
    ]


def test_a_student_that_looks_past_the_prediction_fails(needs: dict[str, Stage], fast_run: Path):
    cohort = PreparedCohort.load(fast_run)
    late = cohort.model_inputs | {"student": {**cohort.model_inputs["student"], "view": "ecg[0:48h]"}}
    target = replace(cohort.target, prediction_hour=24.0)
    checks = audited(needs, fast_run, model_inputs=late, target=target)
    assert not checks["no event after the time of prediction"].passed
