"""``medkd tune TASK``: look for better values of a recipe on inner validation, and write the recipe that holds them."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from optuna.storages import RDBStorage

from medkd.data.io.atomic import removed_on_input_error, write_text, writing
from medkd.data.io.load import read_table
from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.check_arms import check_arms, check_target
from medkd.pipeline.check_splits import check_splits
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_inputs
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.runner import default_jobs, pending, stage_bar
from medkd.pipeline.setup import open_cohort
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage
from medkd.pipeline.time_estimate import minutes
from medkd.pipeline.tuning.page import tune_page
from medkd.pipeline.tuning.search_space import ARMS, space_of, spelled_out, with_values
from medkd.pipeline.tuning.study import ArmStudy, open_storage, trials_table
from medkd.pipeline.tuning.summary import header, question, table
from medkd.pipeline.tuning.trial_data import Cell, make_cell
from medkd.registry import find_task

FIRST_SEED = 100
"""Evidence uses the seeds from 0 on; those of a search begin here, or after them."""


def main(namespace: argparse.Namespace, overrides: list[str]) -> int:
    """Search the arms that were asked for; say what will be done first, and what was found last.

    Raises:
        InputError: the task, a range, the cohort or the data are wrong; nothing was written then.
    """
    recipe = _recipe(namespace, overrides)
    out = namespace.out or Path("runs") / f"tune-{recipe.task}-{recipe.cohort}"
    database = out / "tune.sqlite3"
    if (out / "recipe.yaml").exists() and not database.exists():
        raise InputError(
            "another recipe lies here", where=out, remedy="Choose another --out: tune writes a recipe.yaml of its own"
        )
    jobs = namespace.jobs or default_jobs()
    with removed_on_input_error(out):
        cells = _cells(recipe, out, namespace.seeds, namespace.folds, jobs)
        storage = open_storage(database)
    asked = ARMS if namespace.arm is None else (namespace.arm,)
    begun = time.monotonic()
    todo = _todo(recipe, cells, storage, asked, namespace.trials)
    print(question(recipe, cells))
    print(_outlook(todo, cells[0], jobs), flush=True)
    studies: list[ArmStudy] = []
    found = recipe
    with stage_bar(len(todo)) as bar:
        for arm in ARMS:
            study = ArmStudy.open(arm, found, cells, storage)
            if arm in asked:
                study.run(
                    namespace.trials, jobs, _deadline(begun, namespace.timeout, len(asked) - asked.index(arm)), bar
                )
            studies.append(study)
            found = with_values(found, study.chosen)
    typed = shlex.join(["medkd", *sys.argv[1:]])
    found.save(out / "recipe.yaml", header(found, studies, cells, typed, out))
    with writing(out / "trials.csv") as temporary:
        trials_table(studies).write_csv(temporary)
    write_text(out / "search.html", tune_page(studies, question(found, cells)))
    print(table(studies, asked, namespace.trials))
    print(
        f"\n{time.monotonic() - begun:.0f} s. Recipe: {out / 'recipe.yaml'}  Trials: {out / 'trials.csv'}  Pictures: {out / 'search.html'}"
    )
    print(f"The evidence for it comes from test folds and other seeds: medkd distill {out}")
    return 0


def _recipe(namespace: argparse.Namespace, overrides: list[str]) -> Recipe:
    """The task's recipe, spelled out; its ranges are looked at, and both ends of each are tried on."""
    folder = find_task(namespace.task)
    own = folder / f"{namespace.cohort}.yaml"
    chosen = {name: getattr(namespace, name) for name in ("cohort", "target", "protocol", "label_fractions")}
    chosen["root"] = None if namespace.root is None else str(namespace.root)
    recipe = spelled_out(
        load_recipe(own if namespace.cohort and own.is_file() else folder / "recipe.yaml", overrides, **chosen)
    )
    for tried in _corners(recipe):
        try:
            check_arms(tried)
        except InputError as error:
            raise InputError(error.what, where=f"{error.where}, at an end of its range", remedy=error.remedy) from error
    return recipe


def _corners(recipe: Recipe) -> Iterator[Recipe]:
    """All ranges at their first value, all at their second, and so on: what cannot be built is told before any fit."""
    ends = {key: found.ends() for arm in ARMS for key, found in space_of(recipe, arm).items()}
    for place in range(max(len(held) for held in ends.values())):
        yield with_values(recipe, {key: held[min(place, len(held) - 1)] for key, held in ends.items()})


def _cells(recipe: Recipe, out: Path, seeds: int, folds: int, jobs: int) -> list[Cell]:
    """Prepare the cohort, and take an outer fold out of it for each cell."""
    whole = out / "whole"
    made = check_arms(recipe)
    cohort = open_cohort(recipe, whole)
    target = cohort.target(recipe.target or None)
    check_target(made, target)
    metric_named(EvidenceSettings(**recipe.evidence).metric, target.kind)
    inputs = prepare_inputs(recipe, cohort, whole, jobs)
    first = max(FIRST_SEED, recipe.seeds)
    tuning = range(first, first + seeds)
    label_fraction = max(recipe.label_fractions)
    check_splits(
        read_table(PreparedCohort.samples_file(whole)),
        inputs.target,
        inputs.protocol,
        inputs.official,
        tuning,
        [label_fraction],
    )
    return [make_cell(whole, out / "cells", seed, fold, label_fraction) for seed in tuning for fold in range(folds)]


def _todo(recipe: Recipe, cells: Sequence[Cell], storage: RDBStorage, asked: Sequence[str], trials: int) -> list[Stage]:
    """Stages to run if no trial is pruned. No trial of a student counts before its teacher is chosen.

    Another teacher, another study.
    """
    todo: list[Stage] = []
    left = dict.fromkeys(ARMS, 0)
    found = recipe
    for arm in ARMS:
        study = None if arm == "student" and left["teacher"] else ArmStudy.open(arm, found, cells, storage)
        if arm in asked:
            left[arm] = max(trials - (len(study.finished) if study else 0), 0)
        for cell in cells if left[arm] else ():
            fit, stages = cell.stages(found, arm, "as-it-stands")
            todo += [fit] * left[arm] + [stage for stage in pending(stages, cell.folder) if stage is not fit]
        found = with_values(found, study.chosen) if study else found
    return todo


def _outlook(todo: Sequence[Stage], cell: Cell, jobs: int) -> str:
    fits = [stage for stage in todo if isinstance(stage, FitStage)]
    if not fits:
        return "every trial is finished: nothing to run again"
    return f"at most {len(fits)} fits to make, {jobs} at once: about {minutes(fits, cell.inputs, jobs):.1f} minutes"


def _deadline(begun: float, timeout: int | None, turns: int) -> float:
    """When this arm must stop for those after it to have as much time."""
    now = time.monotonic()
    return float("inf") if timeout is None else now + (begun + 60 * timeout - now) / turns
