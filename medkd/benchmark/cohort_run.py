"""The same objectives on a real cohort: a small budget, outer folds of a few seeds, intervals over test subjects."""

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

from medkd.benchmark.candidates import Contestant
from medkd.benchmark.cohort_data import Outer, outer_folds
from medkd.benchmark.condition import CENTRE, CONTROL, Cell
from medkd.benchmark.dataset import stacked
from medkd.benchmark.experiment import SOLO, TEACHER, Budget, Choice, play
from medkd.benchmark.results import CONFIDENCE, Estimate, Finding, corrected
from medkd.benchmark.synthetic_results import SELF, SOFT, in_words
from medkd.benchmark.synthetic_run import TUNING
from medkd.data.io.load import read_table
from medkd.evidence.comparison import compare
from medkd.evidence.statistics.bootstrap import Block, Replicates, bootstrap
from medkd.evidence.statistics.metrics import METRICS
from medkd.pipeline.prepared_cohort import PreparedCohort

REPLICATES = 2000


@dataclass(frozen=True)
class CohortCell:
    """A cell on a cohort: every arm's AUROC with its bootstrap replicates, its setting, and who was scored."""

    cell: Cell
    arms: dict[str, Replicates]
    choices: dict[str, Choice]
    scores: pl.DataFrame


def run_cohort(
    cells: Sequence[Cell], taking: Sequence[Contestant], inputs: PreparedCohort, run: Path, budget: Budget
) -> list[CohortCell]:
    """Measure the cells one after another; the centre comes first, and a control takes its settings."""
    torch.set_num_threads(1)
    samples = read_table(PreparedCohort.samples_file(run))
    found: list[CohortCell] = []
    bar = tqdm(total=len(cells) * (len(taking) + 2), unit="arm", disable=not sys.stderr.isatty())
    for cell in cells:
        chosen = next(one.choices for one in found if one.cell.factor == CENTRE) if cell.factor == CONTROL else None
        found.append(_measured(cell, taking, inputs, samples, budget, chosen, bar))
    bar.close()
    return found


def cohort_findings(found: Sequence[CohortCell]) -> list[Finding]:
    """Every objective in every cell.

    Intervals are percentiles over test subjects, p-values from the replicates' deviation.

    Gap closed is the gain as a share of teacher - baseline, for nobody knows the best student of a real cohort.
    """
    centre = next(one for one in found if one.cell.factor == CENTRE)
    own = next((one for one in found if one.cell.teacher == SELF), None)
    findings = []
    for one in found:
        for name, student in one.arms.items():
            if name in (SOLO, TEACHER):
                continue
            arms = {"student": student, SOLO: one.arms[SOLO], TEACHER: one.arms[TEACHER]}
            compared = compare(arms, sign=1.0, confidence=CONFIDENCE, audit_passed=True, fast=False)
            closed = compared["gap_closed"]
            here = one is centre
            findings.append(
                Finding(
                    factor=one.cell.factor,
                    level=one.cell.level,
                    objective=name,
                    baseline=one.arms[SOLO].value,
                    student=student.value,
                    teacher=one.arms[TEACHER].value,
                    gain=_estimate(student.minus(one.arms[SOLO])),
                    closed=None
                    if closed is None or closed["value"] is None
                    else Estimate(closed["value"], closed["low"], closed["high"]),
                    privileged=_estimate(student.minus(own.arms[name])) if own and here else None,
                    against_soft=_estimate(student.minus(one.arms[SOFT]))
                    if here and SOFT in one.arms and name != SOFT
                    else None,
                    setting=in_words(one.choices[name]),
                )
            )
    return corrected(findings)


def _estimate(difference: Replicates) -> Estimate:
    held = difference.interval(CONFIDENCE)
    deviation = float(np.nanstd(difference.values, ddof=1))
    p = 1.0 if deviation == 0 else float(2 * stats.norm.sf(abs(difference.value) / deviation))
    return Estimate(difference.value, float(held["low"] or 0.0), float(held["high"] or 0.0), p)


def _measured(
    cell: Cell,
    taking: Sequence[Contestant],
    inputs: PreparedCohort,
    samples: pl.DataFrame,
    budget: Budget,
    chosen: Mapping[str, Choice] | None,
    bar: tqdm[Never],
) -> CohortCell:
    tuning = outer_folds(inputs, samples, range(TUNING, TUNING + budget.baseline_seeds), cell.label_fraction, "val")
    reported = outer_folds(inputs, samples, range(budget.seeds), cell.label_fraction, "test")
    problems = stacked([one.problem for one in reported])

    def tell(arm: str) -> None:
        bar.set_postfix_str(f"{cell.level}: {arm}", refresh=False)
        bar.update()

    played = play(stacked([one.problem for one in tuning]), problems, cell.teacher, taking, budget, chosen, tell)
    place = {name: row for row, name in enumerate(sorted({name for one in reported for name in one.subjects}))}
    blocks = [_block(one, number, played.scores, place) for number, one in enumerate(reported)]
    replicates = bootstrap(blocks, list(played.scores), {"auroc": METRICS["auroc"]}, REPLICATES)
    rows = [_rows(one, number, played.scores) for number, one in enumerate(reported)]
    table = pl.concat(rows).with_columns(pl.lit(cell.name).alias("cell"))
    return CohortCell(cell, {arm: replicates[arm, "auroc"] for arm in played.scores}, played.choices, table)


def _block(one: Outer, number: int, scores: Mapping[str, Sequence[np.ndarray]], place: Mapping[str, int]) -> Block:
    subject = np.array([place[name] for name in one.subjects], dtype=np.int64)
    readings = {arm: {"score": values[number][:, None]} for arm, values in scores.items()}
    return Block(one.seed, one.fold, subject, one.problem.scored_y.astype(np.float64)[:, None], readings)


def _rows(one: Outer, number: int, scores: Mapping[str, Sequence[np.ndarray]]) -> pl.DataFrame:
    each = {arm: values[number].astype(np.float32) for arm, values in scores.items()}
    frame = pl.DataFrame(
        {"subject": one.subjects, "seed": one.seed, "fold": one.fold, "y": one.problem.scored_y, **each}
    )
    return frame.unpivot(index=["subject", "seed", "fold", "y"], variable_name="arm", value_name="score")
