"""Leak audit of a run: the outputs of its stages, checked against its splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkd.data.core.view import View
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FittedModel
from medkd.evidence.leaks.checks import (
    Check,
    events_after_prediction,
    in_sample_teacher_rows,
    label_in_view,
    run_audit,
    statistics_outside_training,
    subjects_across_splits,
)
from medkd.evidence.leaks.duplicates import near_duplicates
from medkd.pipeline.prepared_cohort import PRETRAINING, PreparedCohort
from medkd.pipeline.shared_recordings import SAME
from medkd.pipeline.stages.bank import BankStage, ControlBankStage
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage


def audit(stages: Mapping[str, Stage], cohort: PreparedCohort, run: Path) -> list[Check]:
    """Every check, by name; one that cannot be run has not passed."""
    splits = {stage.name: stage.load(run) for stage in stages.values() if isinstance(stage, SplitStage)}
    fits = [stage for stage in stages.values() if isinstance(stage, FitStage)]
    banks = [stage for stage in stages.values() if isinstance(stage, BankStage | ControlBankStage)]
    views = {role: View.parse(spec["view"]) for role, spec in cohort.model_inputs.items()}
    hour = cohort.target.prediction_hour
    checks: dict[str, Callable[[], Check]] = {
        "no subject in two parts of a split": partial(_subjects, splits),
        "no near-duplicate content between training and test": partial(_duplicates, splits, cohort),
        "statistics fitted on training samples only": partial(_statistics, fits, splits, run),
        "teacher outputs are out of fold": partial(_bank_rows, banks, splits, run),
        "no event after the time of prediction": partial(
            events_after_prediction, views, hour, ("teacher", PRETRAINING)
        ),
        "no model sees the label": partial(label_in_view, views, cohort.target.columns),
    }
    return run_audit(checks)


def _parts(split: Split) -> Iterator[dict[str, pl.DataFrame]]:
    for fold in split.evaluated:
        yield {role: split.role(role, (fold,)) for role in ("train", "val", "test")}


def _subjects(splits: Mapping[str, Split]) -> Check:
    checks = [
        subjects_across_splits({role: set(part["subject_id"]) for role, part in parts.items()})
        for split in splits.values()
        for parts in _parts(split)
    ]
    passed = Check(checks[0].check, True, f"{len(checks)} test folds")
    return next((check for check in checks if not check.passed), passed)


def _duplicates(splits: Mapping[str, Split], cohort: PreparedCohort) -> Check:
    """Near-duplicates in the teacher's view, which shows most of a record.

    The folds of the first seed compare every sample with every other.
    """
    split = next(iter(splits.values()))
    modalities = cohort.model_input("teacher").modalities
    checks = [near_duplicates(np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))]
    for name, stored in cohort.arrays("teacher").items():
        for parts in _parts(split) if modalities[name].traits.identifying else ():
            checks.append(
                near_duplicates(_values(stored, parts["train"]), _values(stored, parts["test"]), correlation=SAME)
            )
    return next((check for check in checks if not check.passed), checks[-1])


def _values(stored: Prepared, part: pl.DataFrame) -> Any:
    rows = stored.rows(part["sample_id"].to_list())
    return np.asarray(stored.values[rows[stored.present[rows]]])


def _statistics(fits: list[FitStage], splits: Mapping[str, Split], run: Path) -> Check:
    name, count = "statistics fitted on training samples only", 0
    for seed, split in splits.items():
        models = [(fit, FittedModel.load(fit.learner(run))) for fit in fits if fit.needs["split"].name == seed]
        sets = [
            (fit.name, asdict(statistics), fit.config["held_out"])
            for fit, model in models
            for statistics in model.statistics.values()
        ]
        check = statistics_outside_training(sets, split.sha256)
        if not check.passed:
            return check
        count += len(sets)
    return Check(name, True, f"{count} sets of statistics")


def _bank_rows(banks: list[BankStage | ControlBankStage], splits: Mapping[str, Split], run: Path) -> Check:
    tables = []
    for stage in banks:
        source: Stage = stage.needs["bank"] if isinstance(stage, ControlBankStage) else stage
        teachers = [teacher for name, teacher in source.needs.items() if name.startswith("teacher:")]
        held_out = [list(teacher.config["held_out"]) for teacher in teachers]
        index = TeacherBank.open(stage.folder(run) / "bank", in_sample=True, check=False).index
        outer = list(source.config["held_out"])
        tables += [
            index.select(
                "sample_id",
                pl.col("fold").cast(pl.Int64),
                pl.lit(fold, dtype=pl.Int64).alias("outer_fold"),
                pl.col("source")
                .map_elements(partial(_unseen_folds, held_out), return_dtype=pl.List(pl.Int64))
                .alias("held_out"),
                (pl.col("source") != -1).alias("labelled"),
            )
            for fold in outer
        ]
    return (
        in_sample_teacher_rows(pl.concat(tables))
        if tables
        else Check("teacher outputs are out of fold", True, "no bank")
    )


def _unseen_folds(held_out: list[list[int]], source: int) -> list[int]:
    """Folds that no teacher behind a bank's row was trained on; source -1 is the mean of all teachers."""
    sources = held_out if source == -1 else [held_out[source]]
    return sorted(set.intersection(*(set(folds) for folds in sources)))
