"""Subgroups: value and gain in each sex, age band and site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from medkd.data.core.target import Target
from medkd.evidence.scoring import fold_blocks
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import bootstrap
from medkd.evidence.statistics.metrics import metric_named


def subgroup_rows(
    scored: pl.DataFrame,
    target: Target,
    settings: EvidenceSettings,
    columns: Sequence[str],
    arm: str = "student",
    over: str | None = "baseline",
) -> list[dict[str, Any]]:
    """One row per group: an arm's value and its gain over another with intervals, or why they are not shown.

    Pairs are taken within the fold and within the group. A group with fewer than ``min_group`` positive or negative
    subjects (of any class) is suppressed: its interval would be read as a result.

    Args:
        scored: see ``score_predictions``, one label fraction.
        target: its ``names`` are the classes, in order.
        settings: metric, bootstrap, smallest group.
        columns: of ``scored``, the groupings.
        arm: the arm whose value is measured.
        over: the arm that the gain is over; without one the gain is null.
    """
    rows: list[dict[str, Any]] = []
    for column in columns:
        known = scored.filter(pl.col(column).is_not_null())
        for group in sorted(known[column].unique().to_list(), key=_order):
            rows.append(
                {"by": column, "group": group}
                | _row(known.filter(pl.col(column) == group), target, settings, arm, over)
            )
    return rows


def _row(part: pl.DataFrame, target: Target, settings: EvidenceSettings, arm: str, over: str | None) -> dict[str, Any]:
    counts = {"n": part["sample"].n_unique(), "subjects": part["subject"].n_unique()}
    part = part.filter(pl.col("arm").is_in([arm, over] if over else [arm]))
    reason = too_small(part.filter(pl.col("arm") == arm), target, settings.min_group)
    if reason:
        return counts | {"suppressed": True, "reason": reason, "value": None, "gain": None}
    metric = metric_named(settings.metric, target.kind)
    blocks, arms = fold_blocks(part, target)[0], [arm, over] if over else [arm]
    metrics = {metric.title: metric}
    replicates = bootstrap(blocks, arms, metrics, settings.replicates, settings.seed, target.is_categorical)
    value = replicates[arm, metric.title]
    return counts | {
        "suppressed": False,
        "reason": "",
        "value": value.interval(settings.confidence),
        "gain": value.minus(replicates[over, metric.title], metric.sign).interval(settings.confidence)
        if over
        else None,
    }


def too_small(part: pl.DataFrame, target: Target, least: int) -> str:
    """Why these samples are too few for figures of one arm; "" where they are enough."""
    labelled = part.filter(pl.col("y").is_not_null()).unique(["sample", "class"])
    if target.kind in ("regression", "forecast"):
        n = labelled["subject"].n_unique()
        return f"{n} subjects, fewer than {2 * least}" if n < 2 * least else ""
    for name in target.names:
        for label, word in ((1.0, "positive"), (0.0, "negative")):
            n = labelled.filter((pl.col("class") == name) & (pl.col("y") == label))["subject"].n_unique()
            if n < least:
                of = f" of {name}" if len(target.names) > 1 else ""
                return f"{n} {word} subjects{of}, fewer than {least}"
    return ""


def _order(group: str) -> tuple[bool, str]:
    return not group.startswith("under"), group
