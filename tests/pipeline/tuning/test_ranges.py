"""Ranges of a recipe: what is accepted, what is refused in one line, and what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import medkd.tasks
from medkd.errors import InputError
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.tuning.ranges import Range, parse_ranges
from medkd.pipeline.tuning.search_space import space_of, spelled_out, values_of, with_values

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead"


def recipe(*overrides: str, name: str = "brugada_huca") -> Recipe:
    return spelled_out(load_recipe(TASK / f"{name}.yaml", overrides))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([], "search is '[]'"),
        ({"a.b": 3}, "search.a.b is '3'"),
        ({"a": {"b": {"c": 3}}}, "search.a.b.c is '3'"),
        ({"a.b": {"lo": 1, "high": 2}}, "unknown key 'search.a.b.lo' (R). Did you mean 'low'?"),
        ({"a": {"b": {"low": 1}}}, "search.a.b.high is None"),
        (
            {"a.b": {"low": "3e-4", "high": 1}},
            "search.a.b.low is '3e-4' (R). It must be a number; YAML reads 1e-3 as text",
        ),
        ({"a.b": {"low": 2, "high": 2}}, "search.a.b goes from 2 to 2 (R). Let low be below high."),
        ({"a.b": {"low": 0, "high": 2, "log": True}}, "search.a.b begins at 0 with log: true"),
        ({"a.b": {"low": 1, "high": 2, "log": "yes"}}, "search.a.b.log is 'yes'"),
        ({"a.b": {"choices": [1]}}, "two or more"),
        ({"a.b": {"choices": [1, 2], "low": 1}}, "Give choices alone"),
        ({"a.b": {"choices": [1, [2]]}}, "Give choices alone"),
    ],
)
def test_what_is_no_range_is_said_in_one_line(held: Any, said: str):
    with pytest.raises(InputError) as caught:
        parse_ranges(held, "R")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_may_be_nested_or_dotted():
    dotted = parse_ranges({"baseline.model.learning_rate": {"low": 1.0, "high": 2.0}}, "")
    assert parse_ranges({"baseline": {"model.learning_rate": {"low": 1.0, "high": 2.0}}}, "") == dotted
    assert dotted == {"baseline.model.learning_rate": Range(1.0, 2.0)}


def test_a_recipe_without_ranges_is_searched_around_its_own_values():
    held = recipe()
    assert held.search == {}
    assert space_of(held, "baseline") == {
        "baseline.model.learning_rate": Range(0.0002, 0.02, log=True),
        "baseline.model.weight_decay": Range(0.03, 3.0, log=True),
    }
    student = space_of(held, "student")
    assert set(student) == {
        "student.model.learning_rate",
        "student.model.weight_decay",
        "student.model.objectives.soft_labels.init_args.temperature",
        "student.model.weights.soft_labels",
    }
    assert student["student.model.objectives.soft_labels.init_args.temperature"] == Range(1.0, 8.0, log=True)


def test_defaults_that_are_searched_are_spelled_out():
    held = recipe(
        "student.model.objectives={dist: {class_path: medkd.objectives.soft_labels.SoftLabels}}",
        "student.model.weights=null",
    )
    assert values_of(held, space_of(held, "student")) == {
        "student.model.learning_rate": 0.002,
        "student.model.weight_decay": 0.3,
        "student.model.objectives.dist.init_args.temperature": 2.0,
        "student.model.weights.dist": 1.0,
    }


def test_a_recipe_s_own_ranges_are_taken_and_survive_being_written(tmp_path: Path):
    held = recipe("search.baseline.data.steps={low: 20, high: 80}")
    assert space_of(held, "baseline") == {"baseline.data.steps": Range(20, 80)}
    assert len(space_of(held, "teacher")) == 2
    held.save(tmp_path / "recipe.yaml", "first line\nsecond line")
    assert (tmp_path / "recipe.yaml").read_text().startswith("# first line\n# second line\ntask:")
    assert load_recipe(tmp_path / "recipe.yaml") == held


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "search.baseline.model.learning_rat={low: 1, high: 2}",
            "does not hold (recipe). Did you mean 'baseline.model.learning_rate'?",
        ),
        (
            "search.student.modalities.ecg={choices: [1, 2]}",
            "search names 'student.modalities.ecg', which the recipe does not hold",
        ),
        (
            "search.baseline.model.learning_rate={low: 1.0, high: 2.0}",
            "baseline.model.learning_rate is 0.002, outside its range 1 to 2",
        ),
    ],
)
def test_a_range_of_what_the_recipe_does_not_hold_is_refused(override: str, said: str):
    with pytest.raises(InputError) as caught:
        space_of(recipe(override), "teacher")
    assert said in str(caught.value)


def test_values_change_one_arm_and_leave_the_recipe_as_it_was():
    held = recipe()
    changed = with_values(held, {"student.model.learning_rate": 0.5, "student.model.network.init_args.dropout": 0.1})
    assert changed.student.model["learning_rate"] == 0.5
    assert changed.student.model["network"]["init_args"]["dropout"] == 0.1
    assert held.student.model["learning_rate"] == 0.002
    assert held.student.model["network"]["init_args"]["dropout"] == 0.5
    assert (changed.baseline, changed.teacher) == (held.baseline, held.teacher)


def test_the_shipped_ranges_fit_the_shipped_recipe():
    held = recipe(name="recipe")
    baseline, student = space_of(held, "baseline"), space_of(held, "student")
    assert {key.removeprefix("baseline.") for key in baseline} < {key.removeprefix("student.") for key in student}
    assert all(student[f"student.{key.removeprefix('baseline.')}"] == found for key, found in baseline.items())


def test_trees_are_searched_around_their_rate_and_penalty():
    held = spelled_out(load_recipe(TASK.parent / "icu_labs" / "recipe.yaml"))
    assert space_of(held, "student") == {
        "student.model.learner.init_args.learning_rate": Range(0.03 / 10, 0.03 * 10, log=True),
        "student.model.learner.init_args.lambda_l2": Range(0.1, 10.0, log=True),
    }
    assert "learning_rate" not in held.baseline.model
