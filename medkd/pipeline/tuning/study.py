"""Study of one arm: trials scored on inner validation, on data without the outer test fold."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import optuna
import polars as pl
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from medkd import __version__
from medkd.data.io.digest import digest_of
from medkd.errors import InputError
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.runner import run_stages
from medkd.pipeline.search_ranges import Plain, Range
from medkd.pipeline.tuning.search_space import search_space, values_at, with_values
from medkd.pipeline.tuning.trial_data import TrialData

WAVE = 4
"""Trials that are drawn, and run, together: a fixed number, so that the draws do not depend on the machine."""
DIVERGED = "diverged"


def open_storage(file: Path) -> RDBStorage:
    """Optuna's storage in an SQLite file.

    Raises:
        InputError: the file is there and is not Optuna's.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Alembic, below Optuna, logs every table that it finds.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return RDBStorage(f"sqlite:///{file.resolve()}")
    except (SQLAlchemyError, RuntimeError) as error:
        raise InputError(
            "not a file of studies, or of another version of Optuna",
            where=file,
            remedy="Remove it, or choose another --out",
        ) from error


@dataclass(frozen=True)
class ArmStudy:
    """An arm's trials. The first is the recipe as it stands.

    Args:
        arm: baseline, teacher or student.
        recipe: with searched defaults; for a student, with the teacher that was chosen.
        data: on whose inner validation a trial is scored, one after the other.
        space: ranges by dotted key.
        study: Optuna's, with the trials so far.
    """

    arm: str
    recipe: Recipe
    data: Sequence[TrialData]
    space: dict[str, Range]
    study: optuna.Study

    @classmethod
    def open(cls, arm: str, recipe: Recipe, data: Sequence[TrialData], storage: RDBStorage) -> ArmStudy:
        """The study of exactly this question; another recipe, range, teacher or cohort is another study of the file."""
        space = search_space(recipe, arm)
        arms = [arm, "teacher"] if arm == "student" else [arm]
        question = {
            "arms": {name: recipe.arm(name).model_dump() for name in arms},
            "space": {key: range_.to_dict() for key, range_ in space.items()},
            "data": [one.digest for one in data],
            "evidence": recipe.evidence,
            "threads": recipe.threads,
            "version": __version__,
        }
        metric = metric_named(recipe.evidence_settings.metric, data[0].cohort.target.kind)
        study = optuna.create_study(
            storage=storage,
            study_name=f"{arm}-{digest_of(question)[:16]}",
            direction=StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE,
            pruner=MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )
        if not study.trials:
            study.enqueue_trial(values_at(recipe, space))
        return cls(arm, recipe, data, space, study)

    @property
    def finished(self) -> list[FrozenTrial]:
        """Trials that will not be run again: whole, pruned or diverged, in the order of their numbers."""
        return [
            trial
            for trial in self.study.trials
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or DIVERGED in trial.user_attrs
        ]

    @property
    def initial_score(self) -> float | None:
        """The score of the recipe as it stands; None before it was measured."""
        whole = (
            trial for trial in self.finished if trial.state is TrialState.COMPLETE and self._as_it_stands(trial.params)
        )
        return next((trial.value for trial in whole), None)

    @property
    def best(self) -> FrozenTrial | None:
        """The best whole trial, the earliest of equal ones; None if there is none."""
        whole = [trial for trial in self.finished if trial.state is TrialState.COMPLETE]
        sign = 1 if self.study.direction is StudyDirection.MAXIMIZE else -1
        return max(whole, key=lambda trial: (sign * (trial.value or 0.0), -trial.number), default=None)

    @property
    def chosen(self) -> dict[str, Plain]:
        """Values that the best trial changes; empty where it is the recipe as it stands."""
        before = values_at(self.recipe, self.space)
        after = {} if self.best is None else self.best.params
        return {key: value for key, value in after.items() if value != before[key]}

    def run(self, trials: int, jobs: int, until: float, bar: tqdm[Never]) -> None:
        """Try until ``trials`` are finished, those of earlier runs counted, or until this time (``time.monotonic``).

        Raises:
            InputError: a trial could not be fitted, or the recipe as it stands has no score.
        """
        for trial in self.study.trials:
            if trial.state is TrialState.RUNNING:
                # A run was killed here; its values come next again, and fits that were finished are not made again.
                self.study.tell(trial.number, state=TrialState.FAIL)
                self.study.enqueue_trial(trial.params)
        while (left := trials - len(self.finished)) > 0 and time.monotonic() < until:
            self._wave(min(WAVE, left), jobs, bar)

    def _wave(self, count: int, jobs: int, bar: tqdm[Never]) -> None:
        # Seeded anew: a sampler that began again with one seed would repeat, after a restart, what it had drawn before.
        self.study.sampler = TPESampler(seed=len(self.finished))
        waiting = [self.study.ask(self._distributions()) for _ in range(count)]
        for data in self.data:
            fits = {
                trial.number: data.stages(
                    with_values(self.recipe, trial.params), self.arm, digest_of(trial.params)[:16]
                )
                for trial in waiting
            }
            run_stages([stage for _, stages in fits.values() for stage in stages], data.folder, jobs, bar)
            waiting = [
                trial
                for trial in waiting
                if self._continues(trial, data.score(fits[trial.number][0], self.recipe.evidence_settings))
            ]

    def _continues(self, trial: Trial, score: float | None) -> bool:
        """Record a score; whether the trial continues on the next data."""
        if score is None:
            self._diverged(trial)
            return False
        scores = [*trial.user_attrs.get("scores", []), score]
        trial.set_user_attr("scores", scores)
        mean = sum(scores) / len(scores)
        trial.report(mean, len(scores))
        if len(scores) == len(self.data):
            self.study.tell(trial, mean)
            return False
        if trial.should_prune():
            self.study.tell(trial, state=TrialState.PRUNED)
            return False
        return True

    def _diverged(self, trial: Trial) -> None:
        if self._as_it_stands(trial.params):
            metric = self.recipe.evidence_settings.metric
            what = f"the {self.arm} as it stands has no {metric} on inner validation"
            raise InputError(what, where="recipe", remedy="Raise --labels, or correct the recipe")
        trial.set_user_attr(DIVERGED, True)
        self.study.tell(trial, state=TrialState.FAIL)

    def _as_it_stands(self, params: Mapping[str, Any]) -> bool:
        return params == values_at(self.recipe, self.space)

    def _distributions(self) -> dict[str, BaseDistribution]:
        before = values_at(self.recipe, self.space)
        return {key: _distribution(range_, before[key]) for key, range_ in self.space.items()}


def _distribution(range_: Range, value: Plain) -> BaseDistribution:
    """Whole numbers where the recipe's own value and both ends are whole."""
    if range_.choices:
        return CategoricalDistribution(range_.choices)
    if isinstance(value, int) and isinstance(range_.low, int) and isinstance(range_.high, int):
        return IntDistribution(range_.low, range_.high, log=range_.log)
    return FloatDistribution(range_.low, range_.high, log=range_.log)


def trials_table(studies: Sequence[ArmStudy]) -> pl.DataFrame:
    """One row per finished trial: arm, trial, state, score, seconds, its score on each data, and every value by key."""
    rows: list[dict[str, Any]] = []
    for study in studies:
        names = [data.folder.name for data in study.data]
        for trial in study.finished:
            scores = dict.fromkeys(names) | dict(zip(names, trial.user_attrs.get("scores", []), strict=False))
            state = DIVERGED if DIVERGED in trial.user_attrs else trial.state.name.lower()
            seconds = trial.duration.total_seconds() if trial.duration else None
            # A pruned trial's value is the mean over fewer data: not a score.
            score = trial.value if trial.state is TrialState.COMPLETE else None
            rows.append(
                {"arm": study.arm, "trial": trial.number, "state": state, "score": score, "seconds": seconds}
                | scores
                | trial.params
            )
    return pl.DataFrame(rows, infer_schema_length=None)
