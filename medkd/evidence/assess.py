"""The report: every figure of the evidence, from predictions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import polars as pl

from medkd import __version__
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.evidence.calibration.reliability import histogram, reliability
from medkd.evidence.comparison import compare
from medkd.evidence.leaks.checks import Check, audit_passed
from medkd.evidence.report_schema import VERSION
from medkd.evidence.scoring import fold_blocks, prediction_table, score_predictions, target_of
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import Block, Replicates, bootstrap
from medkd.evidence.statistics.curves import curves_of
from medkd.evidence.statistics.metrics import METRICS, Metric, ece, metric_named, metrics_for
from medkd.evidence.subgroups import subgroup_rows
from medkd.evidence.verdict import Verdict, sentence

SHOWN = ("teacher", "student", "baseline")
"""Arms that curves are drawn for."""


def assess(
    predictions: Any,
    samples: pl.DataFrame | None = None,
    target: Target | None = None,
    settings: EvidenceSettings | None = None,
    audit: Sequence[Check] = (),
    provenance: Mapping[str, Any] | None = None,
    *,
    task: str = "",
    cohort: str = "",
    protocol: str = "",
    student_view: str = "",
    teacher_view: str = "",
    counts: Mapping[str, int] | None = None,
    fast: bool = False,
) -> dict[str, Any]:
    """Compare student, baseline and teacher: the report as ``report.json`` holds it, every number finite or null.

    Arms, gain and verdict at the top level are those of the largest label fraction; ``label_efficiency`` has an entry
    for each. ``Report(assess(...))`` wraps the result for reading.

    Args:
        predictions: a polars or pandas frame with one row per prediction of a fitted model: of one sample, class and
            arm, under one seed, in one fold. Columns:

            - ``arm``: "student" and "baseline", and as far as they were run "teacher", "self_teacher",
              "label_only_teacher" and "shuffled_teacher". All arms of a fold have the same test samples.
            - ``role``: "test" (measured) or "val" (temperature and threshold of the same fit are chosen on these).
            - ``sample_id``, ``subject_id``: a subject may have several samples, and is resampled as a whole.
            - ``logit``: log-odds of the class; for a regression the predicted value.
            - ``y``: 0 or 1, for a regression the true value; null or NaN where unlabelled.
            - ``class``: one of ``target.names``; may be absent where there is one.
            - ``seed``, ``fold``: integers; 0 where absent. ``label_fraction``: above 0 to 1; 1 where absent.

            The columns of ``test_predictions.parquet`` are accepted as well.
        samples: the sample table, with ``sample_id`` and the columns of ``settings.subgroups``; without it the report
            has no subgroups.
        target: what is predicted; without it one binary target, named by its class.
        settings: metric, bootstrap and subgroups; by default AUROC, for values RMSE.
        audit: results of the leak audit. Without any check the verdict is "invalid": figures that nobody checked for
            leaks are no evidence.
        provenance: split_sha256, config_sha256, data_sha256, versions and further keys; by default only the version of
            medkd is known.
        task: name for the report.
        cohort: name for the report.
        protocol: such as "kfold:5".
        student_view: such as "ecg[I]", for the sentence.
        teacher_view: such as "ecg", for the sentence.
        counts: samples in train, val and test, where they are known better than from the predictions.
        fast: a ``--fast`` run, whose verdict is invalid.

    Raises:
        InputError: student or baseline is missing, or the predictions do not fit together.

    >>> import numpy as np
    >>> y = np.arange(200) % 2
    >>> noise = np.random.default_rng(0).standard_normal(200)
    >>> test = pl.DataFrame({"role": "test", "sample_id": range(200), "subject_id": range(200), "y": y})
    >>> student = test.with_columns(pl.lit("student").alias("arm"), pl.Series("logit", 3 * y + noise))
    >>> baseline = test.with_columns(pl.lit("baseline").alias("arm"), pl.Series("logit", y + noise))
    >>> report = assess(pl.concat([student, baseline]))
    >>> report["verdict"], report["gain"]["low"] > 0
    ('invalid', True)
    """
    table = prediction_table(predictions)
    target = target or target_of(table)
    settings = settings or EvidenceSettings(metric=metrics_for(target.kind)[0])
    scored = table if "sample" in table.columns else score_predictions(table, target, settings, samples)
    metric = metric_named(settings.metric, target.kind)
    fractions = sorted(scored["label_fraction"].unique().to_list())
    passed = audit_passed(audit)
    entries: list[dict[str, Any]] = []
    replicates: dict[tuple[str, str], Replicates] = {}
    blocks: list[Block] = []
    for fraction in fractions:
        part = scored.filter(pl.col("label_fraction") == fraction)
        blocks, arms = _blocks(part, target, fraction)
        names = metrics_for(target.kind) if fraction == fractions[-1] else (settings.metric,)
        metrics = {name: _with_bins(METRICS[name], name, settings) for name in names}
        replicates = bootstrap(blocks, arms, metrics, settings.replicates, settings.seed, target.is_categorical)
        values = {arm: replicates[arm, settings.metric] for arm in arms}
        compared = compare(values, sign=metric.sign, confidence=settings.confidence, audit_passed=passed, fast=fast)
        entries.append({"label_fraction": fraction} | compared)
    headline = entries[-1]
    largest = scored.filter(pl.col("label_fraction") == fractions[-1])
    text = sentence(
        headline,
        metric,
        student_view=student_view,
        teacher_view=teacher_view,
        label_fraction=fractions[-1],
        confidence=settings.confidence,
    )
    if headline["verdict"] == Verdict.INVALID:
        text = _invalid(text, passed, fast, audit)
    classifies = target.kind not in ("regression", "forecast")
    drawn = [arm for arm in SHOWN if arm in blocks[0].readings]
    columns = [name for name in settings.subgroups if name in scored.columns]
    return {
        "schema_version": VERSION,
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
        "n": _counts(table, largest, counts or {}),
        **{key: value for key, value in headline.items() if key != "label_fraction"},
        "arms": {
            arm: values | {"metrics": _metrics(replicates, arm, settings)} for arm, values in headline["arms"].items()
        },
        "label_efficiency": entries,
        "sentence": text,
        "calibration": _calibration(largest, replicates, target, settings) if classifies else {},
        "curves": curves_of(blocks, largest, target.names, drawn) if classifies else {},
        "subgroups": subgroup_rows(largest, target, settings, columns),
        "leak_audit": [asdict(check) for check in audit],
        "provenance": dict(provenance) if provenance is not None else _unknown_provenance(),
        "settings": asdict(settings) | {"age_bands": list(settings.age_bands), "subgroups": list(settings.subgroups)},
    }


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


def _metrics(replicates: Mapping[tuple[str, str], Replicates], arm: str, settings: EvidenceSettings) -> dict[str, Any]:
    return {name: values.interval(settings.confidence) for (of, name), values in replicates.items() if of == arm}


def _counts(predictions: pl.DataFrame, largest: pl.DataFrame, counts: Mapping[str, int]) -> dict[str, int | None]:
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


def _invalid(text: str, passed: bool, fast: bool, audit: Sequence[Check]) -> str:
    reasons = ["it is a --fast run, which only shows that all stages work"] if fast else []
    if not passed:
        failed = [check.check for check in audit if not check.passed]
        reasons.append(f"the leak audit failed ({'; '.join(failed)})" if failed else "no leak audit was made")
    return f"This comparison is not valid, because {' and '.join(reasons)}. {text}"


def _unknown_provenance() -> dict[str, Any]:
    return {"split_sha256": "", "config_sha256": "", "data_sha256": "", "versions": {"medkd": __version__}}


def _calibration(
    largest: pl.DataFrame,
    replicates: Mapping[tuple[str, str], Replicates],
    target: Target,
    settings: EvidenceSettings,
) -> dict[str, Any]:
    """Per arm: temperatures and thresholds over its fits, calibration errors, and each class's reliability curve."""
    calibration: dict[str, Any] = {}
    for arm in largest["arm"].unique().sort().to_list():
        part = largest.filter(pl.col("arm") == arm)
        temperatures = part.unique(["seed", "fold"], maintain_order=True)["temperature"].to_numpy()
        entry: dict[str, Any] = {
            "temperature": {
                "mean": float(temperatures.mean()),
                "low": float(temperatures.min()),
                "high": float(temperatures.max()),
            },
            "ece": replicates[arm, "ece"].interval(settings.confidence),
            "brier": replicates[arm, "brier"].interval(settings.confidence),
            "classes": {},
        }
        for name in target.names:
            rows = part.filter((pl.col("class") == name) & pl.col("y").is_not_null())
            y, probability = rows["y"].to_numpy(), rows["calibrated"].to_numpy()
            drawn = arm in SHOWN
            repeats = rows["seed"].n_unique()
            entry["classes"][name] = {
                "threshold": float(rows["threshold"].to_numpy().mean()) if rows.height else None,
                "reliability": reliability(y, probability, repeats=repeats) if drawn and rows.height else [],
                "histogram": histogram(probability) if drawn else [],
            }
        calibration[arm] = entry
    return calibration
