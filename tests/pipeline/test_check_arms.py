"""Check of arms: what an arm cannot be used with is refused before the cohort's files are read."""

from __future__ import annotations

from pathlib import Path

import pytest

import medkd.tasks
from medkd import registry
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.pipeline import run_setup as setup
from medkd.pipeline.check_arms import check_arms, check_target
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.run_setup import begin

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
RANK = "medkd.objectives.pairwise_rank.PairwiseRank"
WRONG = [
    (
        f"student.model.objectives.rank={{class_path: {RANK}, init_args: {{columns: [nosuch]}}}}",
        r"no output 'nosuch' \(recipe, student",
    ),
    ("teacher.model.pos_weight=[1.0, 2.0]", r"pos_weight has 2 values.*\(recipe, teacher, Supervised\)"),
]


@pytest.mark.parametrize(("override", "says"), WRONG)
def test_an_objective_that_the_target_does_not_suit_is_refused_before_anything_is_prepared(
    override: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "prepare_cohort", lambda *_: pytest.fail("records were read"))
    recipe = load_recipe(TASK, ["cohort_options.subjects=20", override])
    with pytest.raises(InputError, match=says):
        begin(recipe, tmp_path / "run", 1, registry)
    assert not (tmp_path / "run").exists()


def test_each_arm_is_asked_about_the_target() -> None:
    made = check_arms(load_recipe(TASK))
    assert set(made) == {"teacher", "student", "baseline"}
    check_target(made, Target("cd", "binary", ("CD",)))
    with pytest.raises(InputError, match=r"it has no probabilities \(recipe, student, SoftLabels\)"):
        check_target(made, Target("age", "regression", ("age",)))


def test_trees_are_asked_too() -> None:
    trees = "{learner: {class_path: medkd.distill.trees.TreeLearner}}"
    made = check_arms(load_recipe(TASK, [f"teacher.model={trees}"]))
    check_target({"teacher": made["teacher"]}, Target("age", "regression", ("age",)))
    with pytest.raises(InputError, match=r"trees do not predict a multiclass target \(recipe, teacher"):
        check_target(made, Target("rhythm", "multiclass", ("rhythm",), ("sinus", "other")))
