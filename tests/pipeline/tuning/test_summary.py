"""Summary of a search: scores, changes, and the warnings that keep a reader from believing too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medkd.pipeline.recipe import Recipe
from medkd.pipeline.tuning.study import ArmStudy
from medkd.pipeline.tuning.summary import header, question, table
from medkd.pipeline.tuning.trial_data import TrialData

Told = Callable[..., ArmStudy]
OPTIMISTIC = "The best of many trials on the same samples is optimistic."
NOT_NESTED = "the choice is inner, not nested"


@pytest.fixture
def studies(told: Told) -> list[ArmStudy]:
    return [told("baseline", [0.70, 0.75]), told("teacher", []), told("student", [0.72, None, 0.77])]


def test_the_question_counts_inner_subjects_and_names_the_outer_folds(recipe: Recipe, folds: list[TrialData]):
    asked = question(recipe, folds)
    assert "inner validation (2 to 5 subjects) of seed 100" in asked
    assert "outer folds 0, 1, 2 were taken out" in asked
    assert "labels 0.5; AUROC, more is better" in asked
    assert "(2 subjects)" in question(recipe, folds[:1])
    assert "outer fold 0 were" in question(recipe, folds[:1])


def test_each_arm_has_its_scores_and_the_values_that_its_best_trial_changes(studies: list[ArmStudy]):
    lines = table(studies, ["baseline", "teacher", "student"], trials=3).splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("baseline", "teacher", "student"))}
    assert rows["baseline"][1:] == ["0.7000", "0.7500", "2", "trials,", "best", "is", "trial", "1"]
    assert rows["teacher"][1:] == ["-", "-", "not", "searched"]
    assert " ".join(rows["student"][1:]) == "0.7200 0.7700 3 trials (1 pruned), best is trial 2"
    assert any("student.model.learning_rate  0.001 -> 0.003" in line for line in lines)
    assert sum("stopped by --timeout" in line for line in lines) == 2
    assert "    stopped by --timeout after 2 of 3 trials; the same command resumes" in lines
    assert "Student minus baseline: +0.020" in "\n".join(lines)


def test_where_the_recipe_stays_best_that_is_said(told: Told):
    studies = [told("baseline", [0.70, 0.60]), told("teacher", []), told("student", [0.72, 0.72])]
    text = table(studies, ["baseline", "student"], trials=2)
    # An equal score is no reason to leave the recipe.
    assert text.count("nothing better than the recipe as it stands was found") == 2
    assert "->" not in text


def test_a_student_that_was_searched_longer_than_the_baseline_is_warned_of(told: Told):
    fair = [told("baseline", [0.7] * 3), told("teacher", []), told("student", [0.7] * 3)]
    unfair = [told("baseline", [0.7]), *fair[1:]]
    assert "tune the baseline as long" not in table(fair, [], 3)
    assert "The student had 3 trials and the baseline 1: tune the baseline as long" in table(unfair, [], 3)
    # Its own longer search does a baseline no favour.
    assert "tune the baseline as long" not in table([*fair[:2], told("student", [0.7])], [], 3)


def test_an_official_test_part_was_never_scored(told: Told, folds: list[TrialData]):
    cohort = folds[0].cohort.model_copy(update={"protocol": "official"})
    official = [replace(one, cohort=cohort) for one in folds]
    for data, nested in ((folds, False), (official, True)):
        text = table([told(arm, [0.7], data) for arm in ("baseline", "teacher", "student")], [], 1)
        assert OPTIMISTIC in text
        assert (NOT_NESTED not in text) is nested


def test_the_recipe_s_first_lines_repeat_the_search(studies: list[ArmStudy], recipe: Recipe, folds: list[TrialData]):
    lines = header(recipe, studies, folds, "medkd tune ecg_lead", Path("runs/x")).splitlines()
    assert lines[0] == "ecg_lead, searched by: medkd tune ecg_lead"
    assert "teacher: not searched; as it stands -, best -." in lines
    assert "  baseline.model.learning_rate, 0.0003 to 0.01 (log): 0.001 -> 0.002" in lines
    assert not any(line.startswith("  teacher.") for line in lines)
