"""The report: every figure of the evidence, from predictions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import polars as pl

from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.evidence.calibration.temperature import histogram, reliability
from medkd.evidence.comparison import compare
from medkd.evidence.leaks.leaks import Check, audit_passed
from medkd.evidence.scoring import fold_blocks, score_predictions
from medkd.evidence.sentence import sentence
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import Block, Replicates, bootstrap
from medkd.evidence.statistics.curves import curves_of
from medkd.evidence.statistics.metrics import METRICS, Metric, ece, metric_named, metrics_for
from medkd.evidence.subgroups import subgroup_rows

SHOWN = ("teacher", "student", "baseline")
"""Arms that curves are drawn for."""


def assess(
    predictions: pl.DataFrame,
    samples: pl.DataFrame,
    target: Target,
    settings: EvidenceSettings,
    audit: Sequence[Check],
    provenance: Mapping[str, Any],
    *,
    task: str = "",
    cohort: str = "",
    protocol: str = "",
    student_view: str = "",
    teacher_view: str = "",
    counts: Mapping[str, int] | None = None,
    fast: bool = False,
) -> dict[str, Any]:
    """The report of a comparison, as ``report.json`` holds it; every number is finite or null.

    Arms, gain and verdict on top are those of the largest label fraction; ``label_efficiency`` has an entry for each.

    Args:
        predictions: of the networks (see ``score_predictions``), or already scored, as ``test_predictions.parquet``
            holds them.
        samples: the sample table, for subgroups.
        target: what is predicted.
        settings: how.
        audit: what the leak audit found; an empty one counts as failed, since a gate that nobody stood at is open to
            all.
        provenance: split_sha256, config_sha256, data_sha256, versions, command, and what else is known.
        task, cohort, protocol: names for the report.
        student_view, teacher_view: for the sentence.
        counts: samples in train, val and test, where they are known better than from the predictions.
        fast: a ``--fast`` run, whose verdict is invalid.

    Raises:
        InputError: student or baseline is missing, or the predictions do not fit together.
    """
    scored = (
        predictions if "sample" in predictions.columns else score_predictions(predictions, target, settings, samples)
    )
    metric = metric_named(settings.metric, target.kind)
    fractions = sorted(scored["label_fraction"].unique().to_list())
    gate = audit_passed(audit)
    entries: list[dict[str, Any]] = []
    found: dict[tuple[str, str], Replicates] = {}
    blocks: list[Block] = []
    for fraction in fractions:
        part = scored.filter(pl.col("label_fraction") == fraction)
        blocks, arms = _blocks(part, target, fraction)
        last = fraction == fractions[-1]
        names = metrics_for(target.kind) if last else (settings.metric,)
        metrics = {name: _with_bins(METRICS[name], name, settings) for name in names}
        found = bootstrap(blocks, arms, metrics, settings.replicates, settings.seed, target.is_categorical)
        values = {arm: found[arm, settings.metric] for arm in arms}
        compared = compare(values, sign=metric.sign, confidence=settings.confidence, audit_passed=gate, fast=fast)
        entries.append({"label_fraction": fraction} | compared)
    headline = entries[-1]
    largest = scored.filter(pl.col("label_fraction") == fractions[-1])
    report: dict[str, Any] = {
        "schema_version": 1,
        "task": task,
        "cohort": cohort,
        "target": target.key,
        "target_kind": target.kind,
        "classes": list(target.names),
        "rule": target.rule,
        "units": target.units,
        "student_view": student_view,
        "teacher_view": teacher_view,
        "protocol": protocol,
        "metric": settings.metric,
        "metric_title": metric.title,
        "higher_is_better": metric.higher_is_better,
        "label_fraction": fractions[-1],
        "n": _n(predictions, largest, counts or {}),
    }
    report |= {key: value for key, value in headline.items() if key != "label_fraction"}
    report["arms"] = {
        arm: values | {"metrics": _metrics(found, arm, settings)} for arm, values in headline["arms"].items()
    }
    report["label_efficiency"] = entries
    words = sentence(
        headline,
        metric,
        student_view=student_view,
        teacher_view=teacher_view,
        label_fraction=fractions[-1],
        confidence=settings.confidence,
    )
    report["sentence"] = _invalid(words, gate, fast, audit) if headline["verdict"] == "invalid" else words
    report["calibration"] = (
        _calibration(largest, found, target, settings) if target.kind not in ("regression", "forecast") else {}
    )
    report["curves"] = (
        curves_of(blocks, largest, target.names, [arm for arm in SHOWN if arm in blocks[0].readings])
        if target.kind not in ("regression", "forecast")
        else {}
    )
    columns = [name for name in settings.subgroups if name in scored.columns]
    report["subgroups"] = subgroup_rows(largest, target, settings, columns)
    report["leak_audit"] = [asdict(check) for check in audit]
    report["provenance"] = dict(provenance)
    report["settings"] = asdict(settings) | {
        "age_bands": list(settings.age_bands),
        "subgroups": list(settings.subgroups),
    }
    return report


def _blocks(part: pl.DataFrame, target: Target, fraction: float) -> tuple[list[Block], list[str]]:
    arms = part["arm"].unique().sort().to_list()
    for needed in ("student", "baseline"):
        if needed not in arms:
            raise InputError(
                f"predictions have no arm '{needed}'",
                where=f"label fraction {fraction:g}",
                remedy=f"They have: {', '.join(arms)}",
            )
    return fold_blocks(part, target)[0], arms


def _with_bins(metric: Metric, name: str, settings: EvidenceSettings) -> Metric:
    return replace(metric, function=partial(ece, bins=settings.ece_bins)) if name == "ece" else metric


def _metrics(found: Mapping[tuple[str, str], Replicates], arm: str, settings: EvidenceSettings) -> dict[str, Any]:
    return {name: values.interval(settings.confidence) for (of, name), values in found.items() if of == arm}


def _n(predictions: pl.DataFrame, largest: pl.DataFrame, counts: Mapping[str, int]) -> dict[str, int | None]:
    known: dict[str, int | None] = {"train": None, "val": None}
    if "role" in predictions.columns:
        val = predictions.filter(
            (pl.col("role") == "val")
            & (pl.col("label_fraction") == largest["label_fraction"][0])
            & pl.col("y").is_not_null()
        )
        fits = val.group_by("seed", "fold").agg(pl.col("sample_id").n_unique())["sample_id"]
        known["val"] = round(float(fits.to_numpy().mean())) if len(fits) else 0
    known |= {
        "test": largest["sample"].n_unique(),
        "test_subjects": largest["subject"].n_unique(),
        "seeds": largest["seed"].n_unique(),
    }
    return known | dict(counts)


def _invalid(words: str, gate: bool, fast: bool, audit: Sequence[Check]) -> str:
    reasons = ["it is a --fast run, which only shows that all stages work"] if fast else []
    if not gate:
        failed = [check.check for check in audit if not check.passed]
        reasons.append(f"the leak audit failed ({'; '.join(failed)})" if failed else "no leak audit was made")
    return f"This comparison is not valid, because {' and '.join(reasons)}. {words}"


def _calibration(
    largest: pl.DataFrame, found: Mapping[tuple[str, str], Replicates], target: Target, settings: EvidenceSettings
) -> dict[str, Any]:
    """Per arm: temperatures and thresholds over its fits, errors, and for each class the reliability curve."""
    result: dict[str, Any] = {}
    for arm in largest["arm"].unique().sort().to_list():
        part = largest.filter(pl.col("arm") == arm)
        fits = part.unique(["seed", "fold"], maintain_order=True)["temperature"].to_numpy()
        entry: dict[str, Any] = {
            "temperature": {"mean": float(fits.mean()), "low": float(fits.min()), "high": float(fits.max())},
            "ece": found[arm, "ece"].interval(settings.confidence),
            "brier": found[arm, "brier"].interval(settings.confidence),
            "classes": {},
        }
        for name in target.names:
            rows = part.filter((pl.col("class") == name) & pl.col("y").is_not_null())
            y, probability = rows["y"].to_numpy(), rows["calibrated"].to_numpy()
            entry["classes"][name] = {
                "threshold": float(rows["threshold"].to_numpy().mean()) if rows.height else None,
                "reliability": reliability(y, probability, repeats=rows["seed"].n_unique())
                if arm in SHOWN and rows.height
                else [],
                "histogram": histogram(probability) if arm in SHOWN else [],
            }
        result[arm] = entry
    return result
