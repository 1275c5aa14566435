"""The benchmark on the synthetic world: every condition of the design, several at once, resumed by condition."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from medkd import __version__
from medkd.benchmark.candidates import Candidate
from medkd.benchmark.condition import CENTRE, CONTROL, Condition
from medkd.benchmark.dataset import StackedDatasets, stack
from medkd.benchmark.experiment import BASELINE, TEACHER, Budget, TunedSetting, aurocs, run_experiment
from medkd.benchmark.synthetic.world import SyntheticWorld, synthetic_dataset
from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json

TUNING = 100
"""First of the seeds on which settings are chosen."""


@dataclass(frozen=True)
class ConditionScores:
    """A condition's AUROCs, arm → one per seed, and each arm's setting."""

    condition: Condition
    aurocs: dict[str, list[float]]
    settings: dict[str, TunedSetting]


def run_conditions(
    conditions: Sequence[Condition],
    candidates: Sequence[Candidate],
    world: SyntheticWorld,
    budget: Budget,
    out: Path,
    jobs: int,
) -> list[ConditionScores]:
    """Measure the conditions, ``jobs`` at once; arms that ``out`` already holds are read.

    Args:
        conditions: the centre first.
        candidates: the objectives.
        world: the samples' source.
        budget: of every arm.
        out: folder with one file per condition.
        jobs: processes; the results do not depend on their number.
    """
    free = [condition for condition in conditions if condition.factor != CONTROL]
    measured: dict[Condition, ConditionScores] = {}
    bar = tqdm(total=len(conditions), unit="condition", disable=not sys.stderr.isatty())
    measure_free = partial(_measured, candidates=candidates, world=world, budget=budget, out=out, fixed=None)
    _each(free, measure_free, jobs, measured, bar)
    # A control is the centre's training with another teacher: same weight, decay and steps.
    centre = next(measured[condition] for condition in free if condition.factor == CENTRE)
    measure_control = partial(
        _measured, candidates=candidates, world=world, budget=budget, out=out, fixed=centre.settings
    )
    controls = [condition for condition in conditions if condition.factor == CONTROL]
    _each(controls, measure_control, jobs, measured, bar)
    bar.close()
    return [measured[condition] for condition in conditions]


def _each(
    conditions: Sequence[Condition], function: Any, jobs: int, measured: dict[Condition, ConditionScores], bar: Any
) -> None:
    if jobs <= 1 or len(conditions) <= 1:
        for condition in conditions:
            measured[condition] = function(condition)
            bar.update()
        return
    context = get_context("forkserver" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for condition, scores in zip(conditions, pool.map(function, conditions), strict=True):
            measured[condition] = scores
            bar.update()


def _measured(
    condition: Condition,
    candidates: Sequence[Candidate],
    world: SyntheticWorld,
    budget: Budget,
    out: Path,
    fixed: Mapping[str, TunedSetting] | None,
) -> ConditionScores:
    """The condition's file, completed by the arms that it lacks."""
    file = out / f"{condition.name}-{digest_of([__version__, condition, world, budget])[:12]}.json"
    scores = _read(file, condition, fixed)
    missing = [candidate for candidate in candidates if candidate.name not in scores.aurocs]
    if missing:
        torch.set_num_threads(1)
        tuning = _datasets(condition, world, replace(budget, seeds=budget.baseline_seeds), TUNING)
        reported = _datasets(condition, world, budget, 0)
        outcome = run_experiment(tuning, reported, condition.teacher, missing, budget, fixed or scores.settings)
        measured = {arm: aurocs(reported, values) for arm, values in outcome.scores.items()}
        settings = scores.settings | {arm: outcome.settings[arm] for arm in measured}
        scores = ConditionScores(condition, scores.aurocs | measured, settings)
        write_json(
            file,
            {
                "schema_version": 2,
                "condition": asdict(condition),
                "aurocs": scores.aurocs,
                "settings": {arm: asdict(setting) for arm, setting in settings.items()},
            },
        )
    arms = [arm for arm in scores.aurocs if arm in (BASELINE, TEACHER)]
    arms += [candidate.name for candidate in candidates]
    return ConditionScores(condition, {arm: scores.aurocs[arm] for arm in arms}, scores.settings)


def _read(file: Path, condition: Condition, fixed: Mapping[str, TunedSetting] | None) -> ConditionScores:
    """Arms that were measured before, if they had the settings that are now fixed."""
    if not file.is_file():
        return ConditionScores(condition, {}, {})
    content = read_json(file, f"Remove {file}: it is then measured again")
    settings = {arm: TunedSetting(**setting) for arm, setting in content["settings"].items()}
    arms = [arm for arm, setting in settings.items() if fixed is None or fixed.get(arm) == setting]
    return ConditionScores(
        condition, {arm: content["aurocs"][arm] for arm in arms}, {arm: settings[arm] for arm in arms}
    )


def _datasets(condition: Condition, world: SyntheticWorld, budget: Budget, first: int) -> StackedDatasets:
    return stack(
        [
            synthetic_dataset(world, condition.samples, condition.label_fraction, budget.scored, first + seed)
            for seed in range(budget.seeds)
        ]
    )
