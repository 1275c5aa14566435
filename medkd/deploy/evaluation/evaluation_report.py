"""Files of an evaluation: JSON, a page for clinicians, and the table that both can be recomputed from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from medkd.data.io.atomic import write_json, write_text
from medkd.data.io.private import writing_private
from medkd.deploy.bundle.aggregates import refuse_patients
from medkd.deploy.evaluation.evaluation_schema import check_evaluation
from medkd.deploy.evaluation.figures import comparison_figure, cusum_figures, period_figures, subgroup_figure
from medkd.evidence.figures.appearance import DEVELOPMENT, HERE, RECALIBRATED, arm_colour
from medkd.evidence.figures.curves import decision_figures, roc_figures
from medkd.evidence.figures.reliability import reliability_figures
from medkd.evidence.report import page_environment

JSON, PAGE, TABLE = "evaluation.json", "evaluation.html", "evaluation_predictions.parquet"
_SHOWN = 12
"""Number of input summaries whose shift is shown."""


def write_evaluation(out: Path, evaluation: Mapping[str, Any], scored: pl.DataFrame) -> None:
    """Write ``evaluation.json``, ``evaluation.html`` and ``evaluation_predictions.parquet``, each whole or not at all.

    The first two hold aggregates alone; the table holds patients, and is readable by its owner only.

    Args:
        out: the folder; made where it is missing.
        evaluation: all figures.
        scored: what they follow from.

    Raises:
        MedkdError: the evaluation does not fit its schema.
    """
    check_evaluation(evaluation)
    refuse_patients(evaluation, JSON)
    page = render(evaluation)
    out.mkdir(parents=True, exist_ok=True)
    with writing_private(out / TABLE) as temporary:
        scored.write_parquet(temporary)
    write_json(out / JSON, evaluation)
    write_text(out / PAGE, page)


def render(evaluation: Mapping[str, Any]) -> str:
    """The page: no script, no request to any server, every word from outside escaped."""
    environment = page_environment("medkd.deploy.evaluation")
    environment.filters["colour"] = arm_colour
    return environment.get_template("page.html.j2").render(
        evaluation=evaluation,
        worry=evaluation["in_sample"] or evaluation["fast"] or _crossed(evaluation["over_time"]),
        arms=[arm for arm in (HERE, RECALIBRATED, DEVELOPMENT) if arm in evaluation["arms"]],
        measured=[arm for arm in (HERE, RECALIBRATED) if arm in evaluation["arms"]],
        comparison=comparison_figure(evaluation),
        roc=roc_figures(evaluation),
        calibration=reliability_figures(evaluation),
        decision=decision_figures(evaluation),
        subgroups=subgroup_figure(evaluation),
        periods=period_figures(evaluation),
        cusum=cusum_figures(evaluation),
        psi=list(evaluation["input"]["psi"].items())[:_SHOWN],
        confidence=f"{evaluation['settings']['confidence'] * 100:g}%",
    )


def _crossed(over_time: Mapping[str, Any] | None) -> bool:
    cusum = over_time["cusum"] if over_time else {}
    return any(chart["crossed"] for charts in cusum.values() for chart in charts)
