"""Course of time: discrimination, calibration and drift by period, and a CUSUM of outcomes against predicted risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import binom

from medkd.data.core.target import Target
from medkd.deploy.evaluation.performance import shares
from medkd.deploy.evaluation.settings import DEFAULTS, PERIODS
from medkd.evidence.calibration.calibration_slope import IN_THE_LARGE
from medkd.evidence.calibration.conformal import VALUES
from medkd.evidence.figures.appearance import HERE
from medkd.evidence.scoring import fold_blocks
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import bootstrap
from medkd.evidence.statistics.cusum import alarm_limit, risk_adjusted_cusum
from medkd.evidence.statistics.metrics import METRICS
from medkd.evidence.subgroups import too_small

WARNING, ALARM = (0.025, 0.975), (0.001, 0.999)
"""Quantiles of the number of positives while the predictions hold: limits of two and of three standard deviations."""
ODDS_RATIOS = (2.0, 0.5)
FALSE_ALARM = 0.01
_POINTS = 300


def over_time(
    scored: pl.DataFrame, target: Target, settings: EvidenceSettings, period: str = DEFAULTS.period
) -> dict[str, Any]:
    """One row per period, and one CUSUM per class.

    A period with too few subjects is suppressed: its figures would be read as findings. The limits of its number of
    positives are those of a binomial with the mean predicted risk, which is a little wide where risks differ.

    Args:
        scored: see ``labelled_predictions``, with ``time``, a date; rows without one are left out.
        target: what is predicted.
        settings: of the evidence.
        period: week, month, quarter or year.
    """
    dated = scored.filter((pl.col("arm") == HERE) & pl.col("time").is_not_null())
    dated = dated.with_columns(pl.col("time").dt.truncate(PERIODS[period]).alias("_period"))
    parts = sorted(dated.group_by("_period"), key=lambda pair: pair[0])
    rows = [{"from": str(start), **_period(part, target, settings)} for (start,), part in parts]
    charts = (
        {}
        if target.kind in VALUES
        else {name: _charts(dated.filter(pl.col("class") == name), 2 * settings.min_group) for name in target.names}
    )
    return {"period": period, "dated": dated["sample"].n_unique(), "rows": rows, "cusum": charts}


def _period(part: pl.DataFrame, target: Target, settings: EvidenceSettings) -> dict[str, Any]:
    samples = part.unique("sample")
    row: dict[str, Any] = {
        "n": samples.height,
        "subjects": samples["subject"].n_unique(),
        "suppressed": True,
        "reason": "",
    }
    if samples["subject"].n_unique() < 2 * settings.min_group:
        return row | {"reason": f"{samples['subject'].n_unique()} subjects, fewer than {2 * settings.min_group}"}
    metric = METRICS[settings.metric]
    small = too_small(part, target, settings.min_group)
    row |= {"suppressed": False, "reason": small, "value": None, **shares(samples, samples["subject"])}
    blocks = fold_blocks(part, target)[0]
    if not small:
        replicates = bootstrap(
            blocks, [HERE], {settings.metric: metric}, settings.replicates, settings.seed, target.is_categorical
        )
        row["value"] = replicates[HERE, settings.metric].interval(settings.confidence)
    if target.kind not in VALUES:
        row["classes"] = {
            name: _in_the_large(part.filter((pl.col("class") == name) & pl.col("y").is_not_null()))
            for name in target.names
        }
    return row


def _in_the_large(part: pl.DataFrame) -> dict[str, Any]:
    """Positives observed and expected, their ratio, and the limits within which it stays while the predictions hold."""
    observed, n, expected = int(part["y"].sum()), part.height, float(part["calibrated"].sum())
    row: dict[str, Any] = {
        "observed": observed,
        "expected": expected,
        "ratio": None,
        "warning": None,
        "alarm": None,
        "state": "no outcome",
    }
    if not n or expected <= 0:
        return row
    limits = {
        name: [float(binom.ppf(at, n, min(1.0, expected / n))) for at in ends]
        for name, ends in (("warning", WARNING), ("alarm", ALARM))
    }
    state = "in control"
    for name, (low, high) in limits.items():
        if not low <= observed <= high:
            state = name
    value, _ = IN_THE_LARGE.function(part["y"].to_numpy(), part["calibrated"].to_numpy(), np.ones((n, 1)))
    return (
        row
        | {"ratio": float(value[0]), "state": state}
        | {name: [end / expected for end in ends] for name, ends in limits.items()}
    )


def _charts(rows: pl.DataFrame, least: int) -> list[dict[str, Any]]:
    """For doubled and for halved odds: the chart, its limit, and when it was first crossed."""
    rows = rows.filter(pl.col("y").is_not_null()).sort("time", "sample")
    if rows.is_empty():
        return []
    y, probability, time = rows["y"].to_numpy(), rows["calibrated"].to_numpy(), rows["time"].to_list()
    return [_chart(y, probability, time, odds_ratio, least) for odds_ratio in ODDS_RATIOS]


def _chart(y: Any, probability: Any, time: Sequence[Any], odds_ratio: float, least: int) -> dict[str, Any]:
    path = risk_adjusted_cusum(y, probability, odds_ratio)
    limit = alarm_limit(probability, odds_ratio, FALSE_ALARM)
    above = np.flatnonzero(path > limit)
    # A point covers several patients: from step to step the chart would reveal the outcome of each.
    parts = np.array_split(np.arange(len(path)), max(1, min(_POINTS, len(path) // least)))
    return {
        "odds_ratio": odds_ratio,
        "limit": limit,
        "false_alarm": FALSE_ALARM,
        "highest": float(path.max()),
        "crossed": str(time[above[0]]) if len(above) else None,
        "path": [{"time": str(time[part[-1]]), "value": round(float(path[part].max()), 4)} for part in parts],
    }
