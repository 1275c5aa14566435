"""Leak checks: pure functions that return a ``Check``; a comparison counts only if all of them passed.

A check's detail is written into reports and logs, so it holds counts and never names a subject or a sample.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.view import View


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Args:
        check: its name, a few words.
        passed: True where there is no leak.
        detail: one sentence with counts, without identifiers.
    """

    check: str
    passed: bool
    detail: str = ""


def run_audit(checks: Mapping[str, Callable[[], Check]]) -> list[Check]:
    """Run every check by name; one that fails to run has not passed.

    >>> run_audit({"sites": lambda: Check("sites", True)})
    [Check(check='sites', passed=True, detail='')]
    """
    results = []
    for name, check in checks.items():
        try:
            results.append(check())
        except Exception as problem:
            # An error's message may name a record; its type and line do not.
            frame = traceback.extract_tb(problem.__traceback__)[-1]
            where = f"{Path(frame.filename).name}, line {frame.lineno}"
            results.append(Check(name, False, f"the check could not be run: {type(problem).__name__} in {where}"))
    return results


def audit_passed(audit: Iterable[Check]) -> bool:
    """True if every check passed and there was at least one: an audit without checks guards nothing."""
    results = [check.passed for check in audit]
    return bool(results) and all(results)


def subjects_across_splits(parts: Mapping[str, Collection[str]]) -> Check:
    """No subject is in two parts (train, val, test) of one fold.

    >>> subjects_across_splits({"train": ["a", "b"], "test": ["b"]}).detail
    '1 subjects are in both train and test'
    """
    name = "no subject in two parts of a split"
    for one, other in combinations(parts, 2):
        both = set(parts[one]) & set(parts[other])
        if both:
            return Check(name, False, f"{len(both)} subjects are in both {one} and {other}")
    return Check(name, True, ", ".join(f"{part}: {len(set(ids))} subjects" for part, ids in parts.items()))


def statistics_outside_training(
    fits: Iterable[tuple[str, Mapping[str, Any], Collection[Any]]], split_sha256: str
) -> Check:
    """Scalers and the like were fitted on training samples of this very split.

    Args:
        fits: (model, statistics with ``split_sha256`` and ``held_out``, the folds that they had to leave out), one per
            fit and modality.
        split_sha256: of the split in force.
    """
    name, count = "statistics fitted on training samples only", 0
    for model, statistics, folds in fits:
        count += 1
        if statistics.get("split_sha256") != split_sha256:
            return Check(name, False, f"statistics of {model} were fitted under another split")
        missing = sorted(set(map(str, folds)) - set(map(str, statistics.get("held_out", ()))))
        if missing:
            return Check(name, False, f"statistics of {model} were fitted without holding out {', '.join(missing)}")
    return Check(name, True, f"{count} sets of statistics")


def in_sample_teacher_rows(bank: pl.DataFrame) -> Check:
    """Students learn from teachers that saw neither the sample's own label nor the outer test fold.

    Args:
        bank: the bank's index: sample_id, fold (the sample's own), outer_fold (the test fold of the student's
            training), held_out (list of folds that the teacher was trained without), and labelled (bool; all rows are
            where it is absent).
    """
    name = "teacher outputs are out of fold"
    labelled = pl.col("labelled") if "labelled" in bank.columns else pl.lit(value=True)
    in_sample = bank.filter(labelled & ~pl.col("held_out").list.contains(pl.col("fold")))
    if in_sample.height:
        return Check(name, False, f"{in_sample.height} rows come from a teacher that was trained on them")
    outer = bank.filter(~pl.col("held_out").list.contains(pl.col("outer_fold")))
    if outer.height:
        return Check(name, False, f"{outer.height} rows come from a teacher that saw the outer test fold")
    return Check(name, True, f"{bank.height} rows")


def events_after_prediction(
    views: Mapping[str, View], prediction_hour: float | None, teachers: Collection[str] = ("teacher",)
) -> Check:
    """No model but the teacher sees what happens after the time of prediction.

    Args:
        views: role (student, baseline, self_teacher, teacher, ...) → its view.
        prediction_hour: hours after a sample's time zero; None where the target has no time of prediction.
        teachers: roles that may see later.
    """
    name = "no event after the time of prediction"
    if prediction_hour is None:
        return Check(name, True, "the target has no time of prediction: signal and label belong to one moment")
    late = []
    for role, view in views.items():
        if role in teachers:
            continue
        for part in view.parts:
            if part.window is None or part.window[1] > prediction_hour:
                late.append(f"{role} sees {part}")
    if late:
        return Check(name, False, f"{'; '.join(late)}, prediction is at hour {prediction_hour:g}")
    seen = "; ".join(f"{role} sees {views[role]}" for role in teachers if role in views)
    return Check(name, True, f"prediction at hour {prediction_hour:g}" + (f"; {seen}" if seen else ""))


def label_in_view(views: Mapping[str, View], columns: Collection[str]) -> Check:
    """No model, teachers included, sees a column that holds the label."""
    name = "no model sees the label"
    for role, view in views.items():
        seen = {part.modality for part in view.parts} | {channel for part in view.parts for channel in part.selector}
        if seen & set(columns):
            return Check(name, False, f"{role} sees {', '.join(sorted(seen & set(columns)))}")
    return Check(name, True, f"{len(views)} views")


def future_changes_past(
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]], raw: NDArray[np.float32], cut: int, past: int
) -> Check:
    """The input of a forecast, which ends before its horizon, does not change when the future does.

    Args:
        prepare: raw "... time" to prepared "... step".
        raw: one record.
        cut: first time index of the future.
        past: number of prepared steps that belong to the past.
    """
    name = "a forecast window does not depend on its future"
    other = raw.copy()
    other[..., cut:] = other[..., cut:][..., ::-1] * np.float32(-3) + np.float32(1)
    before, after = prepare(raw)[..., :past], prepare(other)[..., :past]
    if np.array_equal(before, after, equal_nan=True):
        return Check(name, True, f"{past} prepared steps")
    return Check(
        name,
        False,
        f"{int((before != after).any(axis=tuple(range(before.ndim - 1))).sum())} of {past} past steps change",
    )
