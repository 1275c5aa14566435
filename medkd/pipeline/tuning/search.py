"""Search of a recipe's values: the arms one after another, each with the best values of those before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.storages import RDBStorage

from medkd.data.core.registry import Registry
from medkd.data.io.atomic import removed_on_input_error, write_text, writing
from medkd.data.io.load import read_table
from medkd.errors import InputError
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.check_arms import check_arms, check_target
from medkd.pipeline.check_splits import check_splits
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_cohort
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.run_setup import open_cohort
from medkd.pipeline.runner import pending, stage_bar
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage
from medkd.pipeline.time_estimate import minutes
from medkd.pipeline.tuning.search_page import search_page
from medkd.pipeline.tuning.search_space import SEARCH_ORDER, search_space, with_searched_defaults, with_values
from medkd.pipeline.tuning.study import ArmStudy, open_storage, trials_table
from medkd.pipeline.tuning.summary import header, question, table
from medkd.pipeline.tuning.trial_data import TrialData, make_trial_data

FIRST_SEED = 100
"""Evidence uses the seeds from 0 on; those of a search begin here, or after them."""


@dataclass(frozen=True)
class SearchBudget:
    """The extent of a search.

    Args:
        arms: that are searched.
        trials: per arm, those of earlier runs counted.
        seeds: splits that a trial is scored on.
        folds: outer folds of each split, taken out in turn.
        minutes: after which no trial begins, shared by the arms; None sets no limit.
    """

    arms: Sequence[str]
    trials: int
    seeds: int
    folds: int
    minutes: int | None = None


def search(recipe: Recipe, budget: SearchBudget, out: Path, jobs: int, registry: Registry, typed: str) -> int:
    """Search the arms, print the number of fits first and the results last, and write the best recipe.

    Args:
        recipe: whose values are searched.
        budget: arms, trials, splits and time.
        out: folder of the trials; an earlier search there is resumed.
        jobs: fits at once.
        registry: that holds the cohort.
        typed: the command, which the written recipe quotes.

    Returns:
        The exit code, 0.

    Raises:
        InputError: a range, the cohort or the data are wrong; nothing was written then.
    """
    recipe = _checked(recipe)
    database = out / "tune.sqlite3"
    if (out / "recipe.yaml").exists() and not database.exists():
        raise InputError(
            "another recipe is here", where=out, remedy="Choose another --out: tune writes a recipe.yaml of its own"
        )
    with removed_on_input_error(out):
        data = _trial_data(recipe, out, budget, jobs, registry)
        storage = open_storage(database)
    begun = time.monotonic()
    todo = _todo(recipe, data, storage, budget)
    print(question(recipe, data))
    print(_outlook(todo, data[0], jobs), flush=True)
    studies: list[ArmStudy] = []
    best = recipe
    with stage_bar(len(todo)) as bar:
        for arm in SEARCH_ORDER:
            study = ArmStudy.open(arm, best, data, storage)
            if arm in budget.arms:
                remaining_arms = len(budget.arms) - budget.arms.index(arm)
                study.run(budget.trials, jobs, _deadline(begun, budget.minutes, remaining_arms), bar)
            studies.append(study)
            best = with_values(best, study.chosen)
    best.save(out / "recipe.yaml", header(best, studies, data, typed, out))
    with writing(out / "trials.csv") as temporary:
        trials_table(studies).write_csv(temporary)
    write_text(out / "search.html", search_page(studies, question(best, data)))
    print(table(studies, budget.arms, budget.trials))
    files = f"Recipe: {out / 'recipe.yaml'}  Trials: {out / 'trials.csv'}  Pictures: {out / 'search.html'}"
    print(f"\n{time.monotonic() - begun:.0f} s. {files}")
    print(f"The evidence for it comes from test folds and other seeds: medkd distill {out}")
    return 0


def _checked(recipe: Recipe) -> Recipe:
    """The recipe with its searched defaults, after its arms were built with both ends of every range."""
    recipe = with_searched_defaults(recipe)
    for tried in _corners(recipe):
        try:
            check_arms(tried)
        except InputError as error:
            raise InputError(error.what, where=f"{error.where}, at an end of its range", remedy=error.remedy) from error
    return recipe


def _corners(recipe: Recipe) -> Iterator[Recipe]:
    """All ranges at their first value, all at their second, and so on: an arm that cannot be built is found early."""
    ends = {key: range_.ends() for arm in SEARCH_ORDER for key, range_ in search_space(recipe, arm).items()}
    for index in range(max(len(values) for values in ends.values())):
        yield with_values(recipe, {key: values[min(index, len(values) - 1)] for key, values in ends.items()})


def _trial_data(recipe: Recipe, out: Path, budget: SearchBudget, jobs: int, registry: Registry) -> list[TrialData]:
    """Prepare the cohort, and take each outer fold out of each seed's split."""
    whole = out / "whole"
    made = check_arms(recipe)
    cohort = open_cohort(recipe, whole, registry)
    target = cohort.target(recipe.target or None)
    check_target(made, target)
    metric_named(recipe.evidence_settings.metric, target.kind)
    prepared = prepare_cohort(recipe, cohort, whole, jobs)
    first = max(FIRST_SEED, recipe.seeds)
    seeds = range(first, first + budget.seeds)
    label_fraction = max(recipe.label_fractions)
    check_splits(read_table(PreparedCohort.samples_file(whole)), prepared, seeds, [label_fraction])
    home = out / "trial_data"
    return [make_trial_data(whole, home, seed, fold, label_fraction) for seed in seeds for fold in range(budget.folds)]


def _todo(recipe: Recipe, data: Sequence[TrialData], storage: RDBStorage, budget: SearchBudget) -> list[Stage]:
    """Stages to run if no trial is pruned.

    Another teacher is another study, so no trial of a student counts before its teacher is chosen.
    """
    todo: list[Stage] = []
    remaining = dict.fromkeys(SEARCH_ORDER, 0)
    best = recipe
    for arm in SEARCH_ORDER:
        study = None if arm == "student" and remaining["teacher"] else ArmStudy.open(arm, best, data, storage)
        if arm in budget.arms:
            remaining[arm] = max(budget.trials - (len(study.finished) if study else 0), 0)
        for one in data if remaining[arm] else ():
            fit, stages = one.stages(best, arm, "as-it-stands")
            todo += [fit] * remaining[arm] + [stage for stage in pending(stages, one.folder) if stage is not fit]
        best = with_values(best, study.chosen) if study else best
    return todo


def _outlook(todo: Sequence[Stage], data: TrialData, jobs: int) -> str:
    fits = [stage for stage in todo if isinstance(stage, FitStage)]
    if not fits:
        return "every trial is finished: nothing to run again"
    return f"at most {len(fits)} fits to make, {jobs} at once: about {minutes(fits, data.cohort, jobs):.1f} minutes"


def _deadline(begun: float, limit: int | None, arms: int) -> float:
    """When this arm must stop for those after it to have as much time.

    Args:
        begun: when the search began.
        limit: minutes for the whole search; None sets no limit.
        arms: that share the remaining time, this one among them.
    """
    now = time.monotonic()
    return float("inf") if limit is None else now + (begun + 60 * limit - now) / arms
