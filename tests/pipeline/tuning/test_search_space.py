"""Search space: which values of an arm are searched, and a recipe with others in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

import medkd.tasks
from medkd.errors import InputError
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.search_ranges import Range
from medkd.pipeline.tuning.search_space import search_space, values_at, with_searched_defaults, with_values

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead"


def recipe(*overrides: str, name: str = "brugada_huca") -> Recipe:
    return with_searched_defaults(load_recipe(TASK / f"{name}.yaml", overrides))


def test_a_recipe_without_ranges_is_searched_around_its_own_values():
    held = recipe()
    assert held.search == {}
    assert search_space(held, "baseline") == {
        "baseline.model.learning_rate": Range(low=0.0002, high=0.02, log=True),
        "baseline.model.weight_decay": Range(low=0.03, high=3.0, log=True),
    }
    student = search_space(held, "student")
    assert set(student) == {
        "student.model.learning_rate",
        "student.model.weight_decay",
        "student.model.objectives.soft_labels.init_args.temperature",
        "student.model.weights.soft_labels",
    }
    assert student["student.model.objectives.soft_labels.init_args.temperature"] == Range(low=1.0, high=8.0, log=True)


def test_defaults_that_are_searched_are_with_searched_defaults():
    held = recipe(
        "student.model.objectives={dist: {class_path: medkd.objectives.soft_labels.SoftLabels}}",
        "student.model.weights=null",
    )
    assert values_at(held, search_space(held, "student")) == {
        "student.model.learning_rate": 0.002,
        "student.model.weight_decay": 0.3,
        "student.model.objectives.dist.init_args.temperature": 2.0,
        "student.model.weights.dist": 1.0,
    }


def test_a_recipe_s_own_ranges_are_taken_and_survive_being_written(tmp_path: Path):
    held = recipe("search.baseline.data.steps={low: 20, high: 80}")
    assert search_space(held, "baseline") == {"baseline.data.steps": Range(low=20, high=80)}
    assert len(search_space(held, "teacher")) == 2
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
        search_space(recipe(override), "teacher")
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
    baseline, student = search_space(held, "baseline"), search_space(held, "student")
    assert {key.removeprefix("baseline.") for key in baseline} < {key.removeprefix("student.") for key in student}
    assert all(student[f"student.{key.removeprefix('baseline.')}"] == found for key, found in baseline.items())


def test_trees_are_searched_around_their_rate_and_penalty():
    held = with_searched_defaults(load_recipe(TASK.parent / "icu_labs" / "recipe.yaml"))
    assert search_space(held, "student") == {
        "student.model.learner.init_args.learning_rate": Range(low=0.03 / 10, high=0.03 * 10, log=True),
        "student.model.learner.init_args.lambda_l2": Range(low=0.1, high=10.0, log=True),
    }
    assert "learning_rate" not in held.baseline.model
