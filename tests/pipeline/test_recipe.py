"""Recipe: what a page may say, what it means in full, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import medkd.tasks
from medkd.errors import InputError
from medkd.pipeline.recipe import Recipe, load_recipe, task_recipe

RECIPES = sorted(Path(medkd.tasks.__path__[0]).glob("*/*.yaml"))
PAGE: dict[str, Any] = {
    "task": "small",
    "cohort": "demo_ecg",
    "teacher": {"view": "ecg", "model": {"network": {"class_path": "a.B"}}},
    "student": {
        "view": "ecg[I]",
        "model": {"network": {"class_path": "a.B"}, "learning_rate": 0.1, "objectives": {"kd": {}}, "weights": {}},
        "data": {"steps": 3},
    },
}


def page(folder: Path, **changes: Any) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump({**PAGE, **changes}))
    return file


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_recipe_survives_being_written(path: Path, tmp_path: Path):
    recipe = load_recipe(path)
    recipe.save(tmp_path / "recipe.yaml")
    assert load_recipe(tmp_path / "recipe.yaml") == recipe


def test_the_baseline_is_the_student_without_its_teacher(tmp_path: Path):
    recipe = load_recipe(page(tmp_path, baseline={"data": {"batch_size": 8}}))
    assert recipe.baseline.view == "ecg[I]"
    assert recipe.baseline.model == {"network": {"class_path": "a.B"}, "learning_rate": 0.1}
    assert recipe.baseline.data == {"steps": 3, "batch_size": 8}
    assert "objectives" in recipe.student.model


def test_a_baseline_of_another_family_brings_its_whole_model(tmp_path: Path):
    recipe = load_recipe(page(tmp_path, baseline={"model": {"learner": {"class_path": "a.Trees"}}}))
    assert recipe.baseline.model == {"learner": {"class_path": "a.Trees"}}


def test_null_stands_for_what_is_left_out(tmp_path: Path):
    recipe = load_recipe(page(tmp_path, seeds=None, baseline=None, evidence=None, search=None, controls=None))
    assert recipe == load_recipe(page(tmp_path))
    assert recipe.seeds == 3
    assert load_recipe(page(tmp_path, label_fractions=0.3, controls="self_teacher")).label_fractions == (0.3,)


def test_plain_values_of_a_class_keep_their_types(tmp_path: Path):
    plain = {"rate": 1.0, "count": 1, "flag": True, "nothing": None, "names": ["a", 2], "deep": {"x": 1e-7}}
    recipe = load_recipe(page(tmp_path, cohort_options=plain))
    assert recipe.cohort_options == plain
    assert all(type(recipe.cohort_options[key]) is type(value) for key, value in plain.items())


def test_chosen_values_and_overrides_win_and_do_not_leak_into_one_another(tmp_path: Path):
    evidence = {"replicates": 200}
    recipe = load_recipe(
        page(tmp_path, evidence={"metric": "auprc", "seed": 3}),
        ["evidence.seed=5", "student.data.steps=9"],
        evidence=evidence,
        seeds=1,
        target=None,
    )
    assert recipe.evidence == {"metric": "auprc", "seed": 5, "replicates": 200}
    assert (recipe.seeds, recipe.target, recipe.student.data) == (1, "", {"steps": 9})
    assert recipe.baseline.data == {"steps": 9}
    assert evidence == {"replicates": 200}


def test_a_task_may_have_a_recipe_of_its_own_for_a_cohort(tmp_path: Path):
    page(tmp_path)
    assert task_recipe(tmp_path, "ptbxl").cohort == "ptbxl"
    (tmp_path / "ptbxl.yaml").write_text(yaml.safe_dump(PAGE | {"cohort": "ptbxl", "seeds": 7}))
    assert task_recipe(tmp_path, "ptbxl").seeds == 7
    assert task_recipe(tmp_path, None).seeds == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"studnt": {}}, "unknown key 'studnt' (FILE). Did you mean 'student'?"),
        ({"student": {"veiw": "ecg"}}, "unknown key 'student.veiw' (FILE). Did you mean 'view'?"),
        ({"split": {"shared_recording": "join"}}, "Did you mean 'shared_recordings'?"),
        ({"evidence": {"replicate": 3}}, "unknown key 'evidence.replicate' (FILE). Did you mean 'replicates'?"),
        ({"split": {"shared_recordings": "drop"}}, "split.shared_recordings is 'drop'"),
        ({"teacher": {"view": ""}}, "teacher.view is '' (FILE). Name what it sees, for example ecg[I]."),
        ({"teacher": {}}, "no 'teacher.view' (FILE)"),
        ({"teacher": None}, "no 'teacher' (FILE)"),
        ({"teacher": 3}, "teacher is 3"),
        ({"student": {"view": "ecg", "data": [1]}}, "student.data is [1]"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": "3"}, "seeds is '3'"),
        ({"seeds": True}, "seeds is True"),
        ({"label_fractions": []}, "label_fractions is []"),
        ({"label_fractions": [0.5, 30]}, "label_fractions.1 is 30"),
        ({"controls": ["shufled_teacher"]}, "is 'shufled_teacher' (FILE). Did you mean 'shuffled_teacher'?"),
        ({"cohort": ""}, "cohort is ''"),
    ],
)
def test_what_is_wrong_is_one_line(changes: dict[str, Any], message: str, tmp_path: Path):
    file = page(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        load_recipe(file)
    assert message.replace("FILE", str(file)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_evidence_settings_have_the_defaults_of_what_is_left_out(tmp_path: Path):
    recipe: Recipe = load_recipe(page(tmp_path, evidence={"metric": "brier"}))
    assert (recipe.evidence_settings.metric, recipe.evidence_settings.replicates) == ("brier", 2000)
    assert recipe.evidence == {"metric": "brier"}
