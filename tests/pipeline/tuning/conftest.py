"""A study whose trials are told, not fitted: enough for what is made of a finished search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import polars as pl
import pytest
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

import medkd.tasks
from medkd.data.splits.split import Split
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.tuning.search_space import search_space, values_at, with_searched_defaults
from medkd.pipeline.tuning.study import ArmStudy, _distribution
from medkd.pipeline.tuning.trial_data import TrialData

TASK = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
RATE = "model.learning_rate"
Told = Callable[..., ArmStudy]


@pytest.fixture
def recipe() -> Recipe:
    """The shipped task's, of whose baseline and student the rate alone is searched."""
    ranges = {f"{arm}.{RATE}": "{low: 0.0003, high: 0.01, log: true}" for arm in ("baseline", "student", "teacher")}
    search = ", ".join(f"{key}: {range_}" for key, range_ in ranges.items())
    return with_searched_defaults(load_recipe(TASK, [f"search={{{search}}}"]))


@pytest.fixture
def folds(named_cohort: Callable[..., PreparedCohort], tmp_path: Path) -> list[TrialData]:
    """Three trial data of one cohort, with two, three and five subjects in their inner validation."""
    names = [str(number) for number in range(12)]
    inner = [number in (0, 3, 4, 6, 7) for number in range(12)]
    table = pl.DataFrame(
        {"sample_id": names, "subject_id": names, "fold": [0, 1, 2] * 4, "inner": inner, "label_rank": [0.0] * 12}
    )
    split = Split(table, "kfold:3", 100, (0, 1, 2), (0, 1, 2))
    return [TrialData(tmp_path / f"fold{fold}", named_cohort("kfold:3"), split, fold, 0.5) for fold in (0, 1, 2)]


@pytest.fixture
def told(recipe: Recipe, folds: list[TrialData]) -> Told:
    """``told("baseline", [0.7, 0.8, None])``: a score per trial, None for a pruned one; the first as it stands."""

    def make(arm: str, scores: Sequence[float | None], data: Sequence[TrialData] = folds) -> ArmStudy:
        space = search_space(recipe, arm)
        before = values_at(recipe, space)
        distributions = {key: _distribution(range_, before[key]) for key, range_ in space.items()}
        study = optuna.create_study(storage=InMemoryStorage(), direction=StudyDirection.MAXIMIZE)
        for number, score in enumerate(scores):
            study.add_trial(
                create_trial(
                    state=TrialState.PRUNED if score is None else TrialState.COMPLETE,
                    value=score,
                    params={key: before[key] * (1 + number) for key in space},
                    distributions=distributions,
                    user_attrs={"scores": [0.5] if score is None else [score] * len(data)},
                )
            )
        return ArmStudy(arm, recipe, data, space, study)

    return make
