"""Study of one arm: trials that are drawn, scored, pruned, resumed and chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tqdm import tqdm

from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.tuning import study as tune
from medkd.pipeline.tuning.study import ArmStudy, open_storage, trials_table
from medkd.pipeline.tuning.trial_data import TrialData

StandIn = tuple[ArmStudy, list[tuple[int, float]]]
Told = Callable[..., ArmStudy]


def test_a_file_that_is_no_storage_is_refused(tmp_path: Path):
    (tmp_path / "tune.sqlite3").write_text("no database at all, but long enough to be looked at " * 20)
    with pytest.raises(InputError, match="not a file of studies"):
        open_storage(tmp_path / "tune.sqlite3")


@pytest.fixture
def stand_in(recipe: Recipe, folds: list[TrialData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A study of the baseline's rate on three trial data whose fits cost nothing.

    The score is highest at 0.004, undefined above 0.009.
    """
    fitted: list[tuple[int, float]] = []

    def stages(self: TrialData, recipe: Any, arm: str, name: str) -> tuple[Any, list[Any]]:
        return recipe.baseline.model["learning_rate"], []

    def score(self: TrialData, fit: float, settings: EvidenceSettings) -> float | None:
        fitted.append((self.fold, fit))
        return None if fit > 0.009 else 0.9 - 20 * abs(fit - 0.004)

    monkeypatch.setattr(TrialData, "stages", stages)
    monkeypatch.setattr(TrialData, "score", score)
    monkeypatch.setattr(tune, "run_stages", lambda stages, run, jobs, bar: None)
    return ArmStudy.open("baseline", recipe, folds, open_storage(tmp_path / "tune.sqlite3")), fitted


def run(study: ArmStudy, trials: int, until: float = float("inf")) -> None:
    with tqdm(disable=True) as bar:
        study.run(trials, 1, until, bar)


def test_the_search_finds_better_prunes_and_sets_what_diverged_apart(stand_in: StandIn):
    study, fitted = stand_in
    run(study, 40)
    table = trials_table([study])
    assert table.height == 40
    assert set(table["state"]) == {"complete", "pruned", "diverged"}
    assert study.initial_score == pytest.approx(0.84)
    assert study.best is not None
    assert study.best.value == pytest.approx(0.9, abs=0.005)
    assert study.chosen == {"baseline.model.learning_rate": study.best.params["baseline.model.learning_rate"]}
    pruned = table.filter(pl.col("state") == "pruned")["baseline.model.learning_rate"].to_list()
    later = {rate for fold, rate in fitted if fold == 2}
    assert not later & set(pruned)
    assert len({rate for _, rate in fitted}) == 40


def test_a_killed_search_goes_on_with_the_values_it_had_begun(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    study, fitted = stand_in
    run(study, 4)
    begun: list[float] = []

    def die(stages: Any, folder: Path, jobs: int, bar: Any) -> None:
        begun.extend(
            trial.params["baseline.model.learning_rate"]
            for trial in study.study.trials
            if trial.state.name == "RUNNING"
        )
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tune, "run_stages", die)
        with pytest.raises(KeyboardInterrupt):
            run(study, 8)
    assert len(study.finished) == 4
    known = len(fitted)
    run(study, 8)
    assert len(study.finished) == 8
    assert [rate for fold, rate in fitted[known:] if fold == 0] == begun


def test_no_trial_begins_after_the_time_is_up(stand_in: StandIn):
    study, fitted = stand_in
    run(study, 8, until=0.0)
    assert (fitted, study.initial_score, study.best, study.chosen) == ([], None, None, {})


def test_where_nothing_better_is_found_the_recipe_stays(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    study, _ = stand_in
    monkeypatch.setattr(TrialData, "score", lambda self, fit, settings: 0.5)
    run(study, 6)
    assert study.chosen == {}
    assert study.initial_score == 0.5


def test_a_recipe_without_a_score_as_it_stands_is_refused(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    study, _ = stand_in
    monkeypatch.setattr(TrialData, "score", lambda self, fit, settings: None)
    with pytest.raises(InputError, match="the baseline as it stands has no auroc"):
        run(study, 4)


def test_where_less_is_better_the_least_is_best(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held, _ = stand_in
    recipe = held.recipe.model_copy(update={"evidence": {"metric": "brier"}})
    study = ArmStudy.open("baseline", recipe, held.data, open_storage(tmp_path / "tune.sqlite3"))
    assert study.study.study_name != held.study.study_name
    monkeypatch.setattr(TrialData, "score", lambda self, fit, settings: fit)
    run(study, 8)
    rates = trials_table([study]).filter(pl.col("state") == "complete")["baseline.model.learning_rate"]
    assert study.best is not None
    assert study.best.value == pytest.approx(rates.min())
    assert study.initial_score == pytest.approx(0.001)


def test_another_question_is_another_study_of_the_same_file(recipe: Recipe, folds: list[TrialData], tmp_path: Path):
    storage = open_storage(tmp_path / "tune.sqlite3")

    def name(arm: str = "baseline", changed: Recipe = recipe, data: list[TrialData] = folds) -> str:
        return ArmStudy.open(arm, changed, data, storage).study.study_name

    moved = [replace(one, folder=tmp_path / "elsewhere") for one in folds]
    teacher = recipe.teacher.model_copy(update={"model": recipe.teacher.model | {"weight_decay": 0.123}})
    other = recipe.model_copy(update={"teacher": teacher})
    assert name(data=moved) == name() == name(changed=other)
    # A student learns from the teacher: its trials mean nothing once that is another.
    assert name("student", other) != name("student")
    assert name(data=folds[:2]) != name()
    assert name(changed=recipe.model_copy(update={"threads": 2})) != name()


def test_of_equal_trials_the_earliest_is_best_and_a_pruned_one_never(told: Told):
    study = told("baseline", [0.7, 0.8, 0.8, None])
    assert study.best is not None
    assert study.best.number == 1
    assert study.chosen == {"baseline.model.learning_rate": 0.002}
    table = trials_table([study])
    assert table["score"].to_list() == [0.7, 0.8, 0.8, None]
    assert table["fold2"].to_list() == [0.7, 0.8, 0.8, None]
    assert table["fold0"].to_list()[-1] == 0.5
