"""One experiment: baseline, teacher and every objective, each tuned on seeds of its own and measured on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import Tensor

from medkd.benchmark.candidates import Candidate
from medkd.benchmark.dataset import StackedDatasets
from medkd.benchmark.stacked.network import State, scores
from medkd.benchmark.stacked.training import gradient_ratio, train
from medkd.benchmark.stacked.training_set import TrainingSet, mixed_batches
from medkd.benchmark.stacked.training_step import Setting
from medkd.benchmark.teachers import Teacher, TeacherSettings, teacher_outputs
from medkd.evidence.statistics.metrics import Array, measure

BASELINE, TEACHER = "baseline", "teacher"
"""Arms that learn from labels alone."""


@dataclass(frozen=True)
class Budget:
    """Resources of every arm; the same for all.

    Args:
        seeds: number of reported seeds, which begin at 0.
        baseline_seeds: number of seeds, which begin at 100, on which baseline and teacher are tuned; none is reported.
        tuning_seeds: number of these on which an objective is tuned.
        scored: samples that are scored per synthetic seed.
        batch: samples per step.
        rate: of AdamW.
        stops: steps after which training may end.
        decays: grid of the baseline and the teacher. A student has the baseline's decay, or a tenth of it.
        ratios: grid of an objective's weight, as the ratio of its gradient to the label's at the start.
    """

    seeds: int = 40
    baseline_seeds: int = 24
    tuning_seeds: int = 4
    scored: int = 4000
    batch: int = 32
    rate: float = 5e-3
    stops: tuple[int, ...] = (25, 50, 100, 200)
    decays: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)
    ratios: tuple[float, ...] = (0.3, 3.0, 30.0)


@dataclass(frozen=True)
class TunedSetting:
    """The setting of an arm: decay and steps, and for a student the ratio of gradients and the resulting weight."""

    decay: float
    steps: int
    ratio: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Each arm's setting, and its scores "scored" on every reported data set."""

    settings: dict[str, TunedSetting]
    scores: dict[str, list[Array]]


def run_experiment(
    tuning: StackedDatasets,
    reported: StackedDatasets,
    teacher: Teacher,
    candidates: Sequence[Candidate],
    budget: Budget,
    fixed: Mapping[str, TunedSetting] | None = None,
    done: Callable[[str], None] = lambda arm: None,
) -> Outcome:
    """Tune and measure every arm.

    Args:
        tuning: settings are chosen on these, by the mean AUROC of their scored samples.
        reported: arms are measured on these, at the settings chosen.
        teacher: the kind of teacher.
        candidates: the objectives.
        budget: the same for all.
        fixed: settings that are used without tuning: a control is the same training with another teacher.
        done: called with an arm's name when it is measured.
    """
    tuned = dict(fixed or {})
    results: dict[str, list[Array]] = {}
    teacher_settings = {}
    for arm, role in ((BASELINE, "student"), (TEACHER, "teacher")):
        if arm not in tuned:
            grid = [Setting(decay) for decay in budget.decays]
            trained = train(_labels_alone(tuning, role, budget), budget.rate, grid, budget.stops)
            index, steps = _best(tuning, role, trained)
            tuned[arm] = TunedSetting(grid[index].decay, steps)
        setting = tuned[arm]
        training_set = _labels_alone(reported, role, budget)
        labelled = int(_labelled_columns(training_set).sum())
        teacher_settings[role] = TeacherSettings(budget.rate, setting.decay, setting.steps, labelled)
        trained = train(training_set, budget.rate, [Setting(setting.decay)], [setting.steps])
        results[arm] = _scores(trained[setting.steps], reported, role)
        done(arm)
    training_sets = {}
    tuning = tuning.first(len(tuning.each) * budget.tuning_seeds // budget.baseline_seeds)
    for name, datasets in (("tuning", tuning), ("reported", reported)):
        if name == "reported" or not all(candidate.name in tuned for candidate in candidates):
            training_set = _labels_alone(datasets, "student", budget)
            batches = training_set.batches
            if teacher == "label_only_teacher":
                # It has no output where the label is withheld.
                batches = batches[:, _labelled_columns(training_set)]
            outputs = teacher_outputs(datasets, teacher, teacher_settings)
            training_sets[name] = replace(training_set, batches=batches, teacher=outputs)
    for candidate in candidates:
        if candidate.name not in tuned:
            decay = tuned[BASELINE].decay
            tuned[candidate.name] = _tune(candidate, tuning, training_sets["tuning"], decay, budget)
        setting = tuned[candidate.name]
        build = partial(candidate.build, reported.samples)
        weighted = Setting(setting.decay, setting.weight)
        trained = train(training_sets["reported"], budget.rate, [weighted], [setting.steps], build)
        results[candidate.name] = _scores(trained[setting.steps], reported, "student")
        done(candidate.name)
    return Outcome(tuned, results)


def aurocs(datasets: StackedDatasets, scored: Sequence[Array]) -> list[float]:
    """Each data set's AUROC."""
    return [measure("auroc", dataset.scored_y, score) for dataset, score in zip(datasets.each, scored, strict=True)]


def _labels_alone(datasets: StackedDatasets, role: str, budget: Budget) -> TrainingSet:
    """Labels alone, in the student's own batches: a baseline is the student at weight zero."""
    batches = mixed_batches(datasets.labelled, datasets.samples, budget.batch, budget.stops[-1])
    return TrainingSet(datasets.views[role], datasets.y, datasets.labelled, datasets.seeds, batches)


def _labelled_columns(training_set: TrainingSet) -> Tensor:
    """The columns of a batch that hold labelled samples: "batch" bool."""
    return (training_set.batches < training_set.labelled).all(dim=0)


def _tune(
    candidate: Candidate, tuning: StackedDatasets, training_set: TrainingSet, decay: float, budget: Budget
) -> TunedSetting:
    build = partial(candidate.build, tuning.samples)
    scale = gradient_ratio(training_set, build)
    grid = [(decay / divisor, ratio) for divisor in (1, 10) for ratio in budget.ratios]
    settings = [Setting(decay, ratio * scale) for decay, ratio in grid]
    index, steps = _best(tuning, "student", train(training_set, budget.rate, settings, budget.stops, build))
    return TunedSetting(settings[index].decay, steps, grid[index][1], settings[index].weight)


def _best(tuning: StackedDatasets, role: str, trained: Mapping[int, State]) -> tuple[int, int]:
    """The setting's index and the steps with the largest mean AUROC."""
    table = {steps: _mean_aurocs(tuning, scores(state, tuning.scored[role])) for steps, state in trained.items()}
    steps = max(table, key=lambda steps: float(table[steps].max()))
    return int(table[steps].argmax()), steps


def _mean_aurocs(datasets: StackedDatasets, scored: Sequence[Tensor]) -> Array:
    # A network that diverged ranks nothing; a data set whose few scored samples are of one class has no AUROC.
    rows = [
        [measure("auroc", dataset.scored_y, row) for row in np.nan_to_num(copies.numpy())]
        for dataset, copies in zip(datasets.each, scored, strict=True)
    ]
    mean: Array = np.nanmean(np.array(rows), axis=0)
    return mean


def _scores(state: State, datasets: StackedDatasets, role: str) -> list[Array]:
    return [np.nan_to_num(copies[0].numpy().astype(np.float64)) for copies in scores(state, datasets.scored[role])]
