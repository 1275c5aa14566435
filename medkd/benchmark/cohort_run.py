"""The benchmark on a real cohort: a small budget, outer folds of a few seeds, intervals over test subjects."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import numpy as np
import polars as pl
import torch
from scipy import stats
from tqdm import tqdm

from medkd.benchmark.candidates import Candidate
from medkd.benchmark.cohort_data import OuterFold, outer_folds
from medkd.benchmark.condition import CENTRE, CONTROL, Condition
from medkd.benchmark.dataset import stack
from medkd.benchmark.experiment import BASELINE, TEACHER, Budget, TunedSetting, run_experiment
from medkd.benchmark.results import CONFIDENCE, Effect, ObjectiveResult, corrected
from medkd.benchmark.synthetic.results import SELF_TEACHER, SOFT_LABELS, described
from medkd.benchmark.synthetic.run import TUNING
from medkd.data.io.load import read_table
from medkd.evidence.comparison import compare
from medkd.evidence.statistics.bootstrap import Block, Replicates, bootstrap
from medkd.evidence.statistics.metrics import METRICS
from medkd.pipeline.prepared_cohort import PreparedCohort

REPLICATES = 2000


@dataclass(frozen=True)
class CohortCondition:
    """A condition on a cohort: every arm's AUROC with its bootstrap replicates, its setting, and all scores."""

    condition: Condition
    arms: dict[str, Replicates]
    settings: dict[str, TunedSetting]
    scores: pl.DataFrame


def run_cohort(
    conditions: Sequence[Condition],
    candidates: Sequence[Candidate],
    cohort: PreparedCohort,
    run: Path,
    budget: Budget,
) -> list[CohortCondition]:
    """Measure the conditions one after another; the centre comes first, and a control has its settings."""
    torch.set_num_threads(1)
    samples = read_table(PreparedCohort.samples_file(run))
    measured: list[CohortCondition] = []
    bar = tqdm(total=len(conditions) * (len(candidates) + 2), unit="arm", disable=not sys.stderr.isatty())
    for condition in conditions:
        fixed = None
        if condition.factor == CONTROL:
            fixed = next(each.settings for each in measured if each.condition.factor == CENTRE)
        measured.append(_measured(condition, candidates, cohort, samples, budget, fixed, bar))
    bar.close()
    return measured


def cohort_results(measured: Sequence[CohortCondition]) -> list[ObjectiveResult]:
    """Every objective in every condition.

    Intervals are percentiles over test subjects, p-values from the replicates' standard deviation. Gap closed is the
    gain as a share of teacher - baseline, for the best student of a real cohort is unknown.
    """
    centre = next(each for each in measured if each.condition.factor == CENTRE)
    self_taught = next((each for each in measured if each.condition.teacher == SELF_TEACHER), None)
    results = []
    for each in measured:
        for name, student in each.arms.items():
            if name in (BASELINE, TEACHER):
                continue
            arms = {"student": student, BASELINE: each.arms[BASELINE], TEACHER: each.arms[TEACHER]}
            compared = compare(arms, sign=1.0, confidence=CONFIDENCE, audit_passed=True, fast=False)
            closed = compared["gap_closed"]
            at_centre = each is centre
            against = at_centre and SOFT_LABELS in each.arms and name != SOFT_LABELS
            results.append(
                ObjectiveResult(
                    factor=each.condition.factor,
                    level=each.condition.level,
                    objective=name,
                    baseline=each.arms[BASELINE].value,
                    student=student.value,
                    teacher=each.arms[TEACHER].value,
                    gain=_effect(student.minus(each.arms[BASELINE])),
                    gap_closed=None
                    if closed is None or closed["value"] is None
                    else Effect(closed["value"], closed["low"], closed["high"]),
                    privileged_gain=_effect(student.minus(self_taught.arms[name]))
                    if self_taught and at_centre
                    else None,
                    against_soft_labels=_effect(student.minus(each.arms[SOFT_LABELS])) if against else None,
                    setting=described(each.settings[name]),
                )
            )
    return corrected(results)


def _effect(difference: Replicates) -> Effect:
    interval = difference.interval(CONFIDENCE)
    deviation = float(np.nanstd(difference.values, ddof=1))
    p = 1.0 if deviation == 0 else float(2 * stats.norm.sf(abs(difference.value) / deviation))
    return Effect(difference.value, float(interval["low"] or 0.0), float(interval["high"] or 0.0), p)


def _measured(
    condition: Condition,
    candidates: Sequence[Candidate],
    cohort: PreparedCohort,
    samples: pl.DataFrame,
    budget: Budget,
    fixed: Mapping[str, TunedSetting] | None,
    bar: tqdm[Never],
) -> CohortCondition:
    tuning_seeds = range(TUNING, TUNING + budget.baseline_seeds)
    tuning = outer_folds(cohort, samples, tuning_seeds, condition.label_fraction, "val")
    reported = outer_folds(cohort, samples, range(budget.seeds), condition.label_fraction, "test")

    def done(arm: str) -> None:
        bar.set_postfix_str(f"{condition.level}: {arm}", refresh=False)
        bar.update()

    outcome = run_experiment(
        stack([fold.dataset for fold in tuning]),
        stack([fold.dataset for fold in reported]),
        condition.teacher,
        candidates,
        budget,
        fixed,
        done,
    )
    names = sorted({name for fold in reported for name in fold.subjects})
    row_of = {name: row for row, name in enumerate(names)}
    blocks = [_block(fold, number, outcome.scores, row_of) for number, fold in enumerate(reported)]
    replicates = bootstrap(blocks, list(outcome.scores), {"auroc": METRICS["auroc"]}, REPLICATES)
    rows = [_rows(fold, number, outcome.scores) for number, fold in enumerate(reported)]
    table = pl.concat(rows).with_columns(pl.lit(condition.name).alias("condition"))
    arms = {arm: replicates[arm, "auroc"] for arm in outcome.scores}
    return CohortCondition(condition, arms, outcome.settings, table)


def _block(
    fold: OuterFold, number: int, scores: Mapping[str, Sequence[np.ndarray]], row_of: Mapping[str, int]
) -> Block:
    subject = np.array([row_of[name] for name in fold.subjects], dtype=np.int64)
    readings = {arm: {"score": values[number][:, None]} for arm, values in scores.items()}
    return Block(fold.seed, fold.fold, subject, fold.dataset.scored_y.astype(np.float64)[:, None], readings)


def _rows(fold: OuterFold, number: int, scores: Mapping[str, Sequence[np.ndarray]]) -> pl.DataFrame:
    arms = {arm: values[number].astype(np.float32) for arm, values in scores.items()}
    frame = pl.DataFrame(
        {"subject": fold.subjects, "seed": fold.seed, "fold": fold.fold, "y": fold.dataset.scored_y, **arms}
    )
    return frame.unpivot(index=["subject", "seed", "fold", "y"], variable_name="arm", value_name="score")
