"""One cell: baseline, teacher and every objective, each at its best setting on seeds of their own, measured on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import Tensor

from medkd.benchmark.candidates import Contestant
from medkd.benchmark.dataset import Problems
from medkd.benchmark.stacked_network import State, scores
from medkd.benchmark.stacked_step import Try
from medkd.benchmark.stacked_training import gradient_ratio, train
from medkd.benchmark.teachers import Fit, Teacher, taught
from medkd.benchmark.training_set import Lesson, mixed_batches
from medkd.evidence.statistics.metrics import Array, measure

SOLO, TEACHER = "baseline", "teacher"
"""Arms that hear no teacher."""


@dataclass(frozen=True)
class Budget:
    """What every arm may use; the same for all.

    Args:
        seeds: reported, 0 and on.
        baseline_seeds: on which the settings of baseline and teacher are chosen, 100 and on; none of them is reported.
        tuning_seeds: the first of these, on which an objective's are.
        scored: samples that a synthetic seed is scored on.
        batch, rate: samples a step, and AdamW's rate.
        stops: steps after which training may end.
        decays: of the baseline and the teacher. A student has the baseline's, or a tenth of it.
        ratios: of the objective's gradient to the label's at the start: the grid of weights.
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
class Choice:
    """The setting of an arm: decay and steps, and of a student the ratio of gradients and the weight that follows."""

    decay: float
    steps: int
    ratio: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True)
class Played:
    """A cell's outcome: each arm's setting, and its scores "scored" of every reported problem."""

    choices: dict[str, Choice]
    scores: dict[str, list[Array]]


def play(
    tuning: Problems,
    reported: Problems,
    teacher: Teacher,
    taking: Sequence[Contestant],
    budget: Budget,
    chosen: Mapping[str, Choice] | None = None,
    tell: Callable[[str], None] = lambda arm: None,
) -> Played:
    """Measure every arm.

    Args:
        tuning: on which settings are chosen, by the mean AUROC of their scored samples.
        reported: on which arms are measured, at the settings chosen.
        teacher: who speaks.
        taking: the objectives.
        budget: the same for all.
        chosen: settings to be used as they are: a control is the same training with another teacher.
        tell: called with an arm's name when it is done.
    """
    choices = dict(chosen or {})
    results: dict[str, list[Array]] = {}
    fits = {}
    for arm, role in ((SOLO, "student"), (TEACHER, "teacher")):
        if arm not in choices:
            tries = [Try(decay) for decay in budget.decays]
            place, steps = _best(tuning, role, train(_alone(tuning, role, budget), budget.rate, tries, budget.stops))
            choices[arm] = Choice(tries[place].decay, steps)
        choice = choices[arm]
        lesson = _alone(reported, role, budget)
        fits[role] = Fit(budget.rate, choice.decay, choice.steps, int(_of_labelled(lesson).sum()))
        state = train(lesson, budget.rate, [Try(choice.decay)], [choice.steps])
        results[arm] = _scores(state[choice.steps], reported, role)
        tell(arm)
    lessons = {}
    tuning = tuning.first(len(tuning.each) * budget.tuning_seeds // budget.baseline_seeds)
    for name, problems in (("tuning", tuning), ("reported", reported)):
        if name == "reported" or not all(one.name in choices for one in taking):
            lesson = _alone(problems, "student", budget)
            # Who is silent where the label is withheld is not asked there.
            heard = lesson.batches[:, _of_labelled(lesson)] if teacher == "label_only_teacher" else lesson.batches
            lessons[name] = replace(lesson, batches=heard, answers=taught(problems, teacher, fits))
    for one in taking:
        if one.name not in choices:
            choices[one.name] = _tune(one, tuning, lessons["tuning"], choices[SOLO].decay, budget)
        choice = choices[one.name]
        tries = [Try(choice.decay, choice.weight)]
        build = partial(one.build, reported.samples)
        state = train(lessons["reported"], budget.rate, tries, [choice.steps], build)
        results[one.name] = _scores(state[choice.steps], reported, "student")
        tell(one.name)
    return Played(choices, results)


def aurocs(problems: Problems, scored: Sequence[Array]) -> list[float]:
    """Each problem's AUROC."""
    return [measure("auroc", problem.scored_y, score) for problem, score in zip(problems.each, scored, strict=True)]


def _alone(problems: Problems, role: str, budget: Budget) -> Lesson:
    """Labels alone, in the student's own batches: a baseline is the student at weight zero."""
    batches = mixed_batches(problems.labelled, problems.samples, budget.batch, budget.stops[-1])
    return Lesson(problems.views[role], problems.y, problems.labelled, problems.seeds, batches)


def _of_labelled(lesson: Lesson) -> Tensor:
    """Which places of a batch hold labelled samples: "batch" bool."""
    return (lesson.batches < lesson.labelled).all(dim=0)


def _tune(one: Contestant, tuning: Problems, lesson: Lesson, decay: float, budget: Budget) -> Choice:
    scale = gradient_ratio(lesson, lambda: one.build(tuning.samples))
    grid = [(decay / share, ratio) for share in (1, 10) for ratio in budget.ratios]
    tries = [Try(held, ratio * scale) for held, ratio in grid]
    place, steps = _best(
        tuning, "student", train(lesson, budget.rate, tries, budget.stops, lambda: one.build(tuning.samples))
    )
    return Choice(tries[place].decay, steps, grid[place][1], tries[place].weight)


def _best(tuning: Problems, role: str, kept: Mapping[int, State]) -> tuple[int, int]:
    """The try and the steps with the largest mean AUROC."""
    table = {steps: _means(tuning, scores(state, tuning.scored[role])) for steps, state in kept.items()}
    steps = max(table, key=lambda steps: float(table[steps].max()))
    return int(table[steps].argmax()), steps


def _means(problems: Problems, scored: Sequence[Tensor]) -> Array:
    # A network that came to nothing ranks nothing; a problem whose few scored samples are of one class says nothing.
    rows = [
        [measure("auroc", own.scored_y, row) for row in np.nan_to_num(found.numpy())]
        for own, found in zip(problems.each, scored, strict=True)
    ]
    mean: Array = np.nanmean(np.array(rows), axis=0)
    return mean


def _scores(state: State, problems: Problems, role: str) -> list[Array]:
    return [np.nan_to_num(found[0].numpy().astype(np.float64)) for found in scores(state, problems.scored[role])]
