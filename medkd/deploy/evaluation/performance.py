"""Performance of a model on labelled predictions: every figure of an evaluation; nothing is fitted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import class_matrix
from medkd.errors import InputError
from medkd.evidence.calibration.calibration_slope import IN_THE_LARGE, calibration_slope_intervals
from medkd.evidence.calibration.conformal import ABSTAINS, VALUES, Conformal
from medkd.evidence.calibration.reliability import histogram, reliability, wilson
from medkd.evidence.figures.appearance import DEVELOPMENT, HERE, RECALIBRATED
from medkd.evidence.scoring import fold_blocks
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import Block, bootstrap
from medkd.evidence.statistics.curves import GRID, curves_of
from medkd.evidence.statistics.metrics import AT_THRESHOLD, METRICS, metric_named, metrics_for
from medkd.evidence.subgroups import subgroup_rows

LINE_REPLICATES = 200
"""Replicates of calibration slopes, each of which is a fit of its own; fewer for very many samples."""
_LINE_ROWS = 4_000_000
_OF_CLASS = ("auroc", "auprc", "brier")


def evidence_settings(report: Mapping[str, Any], target: Target, fast: bool) -> EvidenceSettings:
    """Those of development, so that figures can be compared; the defaults where its report does not state them."""
    stated = {
        key: value
        for key, value in (report.get("settings") or {}).items()
        if key in EvidenceSettings.__dataclass_fields__
    }
    try:
        settings = EvidenceSettings(**stated)
        metric_named(settings.metric, target.kind)
    except (InputError, TypeError):
        settings = EvidenceSettings(metric=metrics_for(target.kind)[0])
    return replace(settings, replicates=min(settings.replicates, 100)) if fast else settings


def performance(
    scored: pl.DataFrame, target: Target, settings: EvidenceSettings, report: Mapping[str, Any]
) -> dict[str, Any]:
    """Arms, classes, calibration, curves and subgroups; ``at development`` is read from the bundle's own report.

    Args:
        scored: see ``labelled_predictions``; with a second arm ``recalibrated`` where that was asked for.
        target: what is predicted.
        settings: of the evidence.
        report: the bundle's ``report.json``, or nothing.
    """
    arms = [arm for arm in (HERE, RECALIBRATED) if arm in scored["arm"].unique().to_list()]
    blocks = fold_blocks(scored, target)[0]
    names = _metrics(scored, target)
    metrics = {name: METRICS[name] for name in names}
    replicates = bootstrap(blocks, arms, metrics, settings.replicates, settings.seed, target.is_categorical)
    values: dict[str, Any] = {}
    for arm in arms:
        figures = {name: replicates[arm, name].interval(settings.confidence) for name in names}
        values[arm] = figures[settings.metric] | {"metrics": figures}
    developed = (report.get("arms") or {}).get("student")
    if developed and report.get("metric") == settings.metric:
        values[DEVELOPMENT] = {key: developed.get(key) for key in ("value", "low", "high")} | {
            "metrics": developed.get("metrics") or {}
        }
    metric = METRICS[settings.metric]
    result: dict[str, Any] = {
        "metric": settings.metric,
        "metric_title": metric.title,
        "higher_is_better": metric.higher_is_better,
        "arms": values,
        "by_class": {
            name: _class(scored, blocks, target, index, arms, settings) for index, name in enumerate(target.names)
        },
        "calibration": {},
        "curves": {},
    }
    if target.kind not in VALUES:
        result["calibration"] = {arm: _calibration(scored.filter(pl.col("arm") == arm), target) for arm in arms}
        if of_development := _developed_calibration(report, target):
            result["calibration"][DEVELOPMENT] = of_development
        result["curves"] = curves_of(blocks, scored, target.names, arms)
        _add_roc(result["curves"], report)
    columns = [name for name in settings.subgroups if name in scored.columns]
    rows = subgroup_rows(scored, target, settings, columns, HERE, None)
    known = {(row.get("by"), row.get("group")): row.get("value") for row in report.get("subgroups") or ()}
    result["subgroups"] = [
        {key: value for key, value in row.items() if key != "gain"}
        | {"development": known.get((row["by"], row["group"]))}
        for row in rows
    ]
    return result


def coverage(scored: pl.DataFrame, target: Target, conformal: Conformal | None) -> dict[str, Any] | None:
    """Coverage of the bundle's conformal sets here: the share of labels in them, by class.

    None for a bundle without.
    """
    if conformal is None:
        return None
    table = scored.filter(pl.col("arm") == HERE)
    subject = table.filter(pl.col("class") == target.names[0]).sort("sample")["subject"].to_numpy()
    covered = conformal.coverage_of(
        class_matrix(table, target, "calibrated"), class_matrix(table, target, "y"), subject
    )
    return {"wanted": conformal.coverage, **covered}


def shares(predictions: pl.DataFrame, subjects: pl.Series) -> dict[str, Any]:
    """Shares of items that the model abstains on, and of items unlike its training data; null where neither is known.

    Args:
        predictions: scored items: ``set``, ``drift``.
        subjects: of each item: an interval is as wide as their number asks for.
    """
    count = subjects.n_unique()
    sets, drift = predictions["set"].drop_nulls(), predictions["drift"].drop_nulls()
    abstaining = sets.eq(ABSTAINS) | sets.str.contains(f": {ABSTAINS}", literal=True)
    flagged = drift > 1
    return {"abstaining": _share(abstaining, count), "drifted": _share(flagged, count)}


def format_interval(interval: Mapping[str, Any] | None) -> str:
    """An interval as it is written in a sentence.

    >>> format_interval({"value": 0.7123, "low": 0.66, "high": 0.756})
    '0.712 [0.660, 0.756]'
    """
    if interval is None or interval.get("value") is None:
        return "not defined"
    if interval.get("low") is None:
        return f"{interval['value']:.3f}"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _share(which: pl.Series, subjects: int) -> dict[str, Any] | None:
    if not len(which):
        return None
    value = float(which.mean() or 0.0)  # type: ignore[arg-type]
    low, high = wilson(value, subjects)
    return {"n": len(which), "value": value, "low": low, "high": high}


def _metrics(scored: pl.DataFrame, target: Target) -> list[str]:
    """Metrics of the target's kind; of decisions only where there is a threshold.

    Without the calibration error, which grows with fewer samples whatever the model: observed over expected and the
    slope say more.
    """
    decides = scored["threshold"].null_count() < scored.height
    return [
        name for name in metrics_for(target.kind) if name != "ece" and (decides or METRICS[name].reads != "decision")
    ]


def _class(
    scored: pl.DataFrame,
    blocks: Sequence[Block],
    target: Target,
    index: int,
    arms: Sequence[str],
    settings: EvidenceSettings,
) -> dict[str, Any]:
    """One class against the others: what it is worth, and what its threshold gives."""
    name = target.names[index]
    rows = scored.filter((pl.col("class") == name) & pl.col("y").is_not_null())
    here = rows.filter(pl.col("arm") == HERE)
    entry: dict[str, Any] = {"n": here.height, "subjects": here["subject"].n_unique(), "arms": {}}
    if target.kind in VALUES:
        error = here["calibrated"].to_numpy() - here["y"].to_numpy()
        return entry | {"mean_error": float(error.mean()) if len(error) else None}
    entry["positives"] = int(here["y"].sum())
    entry["positive_subjects"] = here.filter(pl.col("y") == 1)["subject"].n_unique()
    entry["prevalence"] = entry["positives"] / here.height if here.height else None
    alone = [_alone(block, index) for block in blocks]
    metrics = {key: METRICS[key] for key in _OF_CLASS} | {"observed_over_expected": IN_THE_LARGE}
    metrics |= AT_THRESHOLD if here["threshold"].null_count() == 0 else {}
    replicates = bootstrap(alone, arms, metrics, settings.replicates, settings.seed)
    for arm in arms:
        part = rows.filter(pl.col("arm") == arm).sort("sample")
        number = part["subject"].rank("dense").to_numpy().astype(np.int64) - 1
        line = calibration_slope_intervals(
            part["y"].to_numpy(),
            part["calibrated"].to_numpy(),
            number,
            min(settings.replicates, LINE_REPLICATES, max(LINE_REPLICATES // 5, _LINE_ROWS // max(1, part.height))),
            settings.confidence,
            settings.seed,
        )
        cut = part["threshold"][0] if part.height else None
        entry["arms"][arm] = {
            "threshold": None if cut is None else float(cut),
            **{key: replicates[arm, key].interval(settings.confidence) for key in metrics},
            **line,
        }
    return entry


def _alone(block: Block, index: int) -> Block:
    """One class of a block."""
    readings = {
        arm: {kind: table[:, [index]] for kind, table in kinds.items()} for arm, kinds in block.readings.items()
    }
    return Block(block.seed, block.fold, block.subject, block.y[:, [index]], readings)


def _calibration(scored: pl.DataFrame, target: Target) -> dict[str, Any]:
    classes = {}
    for name in target.names:
        rows = scored.filter((pl.col("class") == name) & pl.col("y").is_not_null())
        probability = rows["calibrated"].to_numpy()
        curve = reliability(rows["y"].to_numpy(), probability) if rows.height else []
        classes[name] = {"reliability": curve, "histogram": histogram(probability)}
    return {"classes": classes}


def _developed_calibration(report: Mapping[str, Any], target: Target) -> dict[str, Any] | None:
    """The reliability curves of the bundle's own report, where it has them for all classes."""
    classes = ((report.get("calibration") or {}).get("student") or {}).get("classes") or {}
    if set(classes) != set(target.names):
        return None
    return {
        "classes": {
            name: {"reliability": classes[name].get("reliability") or [], "histogram": []} for name in target.names
        }
    }


def _add_roc(curves: dict[str, Any], report: Mapping[str, Any]) -> None:
    """The ROC curve of the bundle's own report beside the one measured here, where it has the same grid."""
    classes = ((report.get("curves") or {}).get("roc") or {}).get("classes") or {}
    for name, arms in curves["roc"]["classes"].items():
        developed = (classes.get(name) or {}).get("student")
        if developed is not None and len(developed) == len(GRID):
            arms[DEVELOPMENT] = developed
