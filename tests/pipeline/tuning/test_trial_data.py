"""Trial data: what makes two of them the same, and the stages of a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import medkd.tasks
from medkd.data.splits.split import Split
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import load_recipe
from medkd.pipeline.tuning.trial_data import TrialData

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"


@pytest.fixture
def data(named_cohort: Callable[..., PreparedCohort], tmp_path: Path) -> TrialData:
    names = [str(number) for number in range(10)]
    table = pl.DataFrame(
        {"sample_id": names, "subject_id": names, "fold": [1, 2] * 5, "inner": [0] * 10, "label_rank": [0.0] * 10}
    )
    split = Split(table, "kfold:3", 100, (0,), (1, 2))
    return TrialData(tmp_path, named_cohort("kfold:3"), split, 0, 0.5)


def test_its_digest_follows_cohort_fold_and_fraction_and_not_its_folder(data: TrialData, tmp_path: Path):
    assert replace(data, folder=tmp_path / "elsewhere").digest == data.digest
    changed = [
        replace(data, fold=1),
        replace(data, label_fraction=1.0),
        replace(data, cohort=data.cohort.model_copy(update={"data_sha256": "1"})),
    ]
    assert len({data.digest, *(one.digest for one in changed)}) == 4


@pytest.mark.parametrize(("arm", "role", "count"), [("baseline", "student", 1), ("teacher", "teacher", 1)])
def test_a_trial_of_one_network_is_one_fit_without_the_outer_fold(data: TrialData, arm: str, role: str, count: int):
    fit, stages = data.stages(load_recipe(TASK), arm, "name")
    assert stages == [fit]
    assert len(stages) == count
    assert (fit.name, fit.config["model_input"], fit.config["held_out"]) == (f"{arm}/name", role, [0])
    assert fit.config["trainer"]["enable_progress_bar"] is False
    assert (fit.config["seed"], fit.config["label_fraction"], fit.config["unlabelled"]) == (100, 0.5, False)


def test_a_student_s_bank_is_shared_by_all_its_trials(data: TrialData):
    recipe = load_recipe(TASK)
    first, second = (data.stages(recipe, "student", name) for name in ("a", "b"))
    assert first[0].needs["bank:teacher"].digest == second[0].needs["bank:teacher"].digest
    assert first[0].name != second[0].name
    assert {tuple(stage.config["held_out"]) for stage in first[1]} == {(0,), (0, 1), (0, 2)}
