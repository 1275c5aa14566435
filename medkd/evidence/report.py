"""The report on disk: what a machine reads, what a clinician reads, and what both can be recomputed from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
from jsonschema import Draft202012Validator

from medkd.data.io.atomic import write_json, write_text
from medkd.errors import MedkdError
from medkd.evidence.figures.appearance import COLOURS, arm_colour, arm_name
from medkd.evidence.figures.arms import arms_figure
from medkd.evidence.figures.calibration import calibration_figures
from medkd.evidence.figures.decision import decision_figures
from medkd.evidence.figures.difference import difference_figure
from medkd.evidence.figures.label_efficiency import label_figure
from medkd.evidence.figures.roc import roc_figures
from medkd.evidence.figures.subgroups import subgroup_figure
from medkd.evidence.figures.training import training_figure
from medkd.evidence.page import page_environment
from medkd.evidence.scoring import write_predictions
from medkd.evidence.statistics.metrics import METRICS


def write_report(
    out: Path,
    report: Mapping[str, Any],
    predictions: pl.DataFrame,
    histories: Sequence[pl.DataFrame] = (),
    flow: Sequence[tuple[str, int]] = (),
    aside: Sequence[tuple[str, int]] = (),
) -> None:
    """Write ``report.json``, ``test_predictions.parquet`` and ``report.html`` into a folder, each whole or not at all.

    Args:
        out: the folder; made where it is missing.
        report: from ``assess``; checked against the schema first.
        predictions: from ``score_predictions``.
        histories: training curves: arm, seed, fold, step, name, value.
        flow: how the cohort came to be: (reason, samples), the first being all that were found.
        aside: values of shared tables that were left out: (reason, values); 0 says that a whole table is not there.

    Raises:
        MedkdError: the report does not fit its schema.
    """
    check_report(report)
    page = render(report, histories, flow, aside)
    write_predictions(out / "test_predictions.parquet", predictions)
    write_json(out / "report.json", report)
    write_text(out / "report.html", page)


def check_report(report: Mapping[str, Any]) -> None:
    """Refuse a report that does not fit ``report.schema.json``.

    Raises:
        MedkdError: naming the first place that does not fit.
    """
    schema = json.loads(resources.files("medkd.evidence").joinpath("report.schema.json").read_text(encoding="utf-8"))
    for problem in sorted(
        Draft202012Validator(schema).iter_errors(report), key=lambda error: list(map(str, error.absolute_path))
    ):
        place = ".".join(map(str, problem.absolute_path)) or "its top"
        raise MedkdError(
            f"report.json does not fit its schema: {problem.message[:200]}", where=place, remedy="Make it with assess()"
        )


def render(
    report: Mapping[str, Any],
    histories: Sequence[pl.DataFrame] = (),
    flow: Sequence[tuple[str, int]] = (),
    aside: Sequence[tuple[str, int]] = (),
) -> str:
    """The page: no script, no request to any server, every word from outside escaped.

    Args:
        report: from ``assess``.
        histories, flow, aside: see ``write_report``.
    """
    page = page_environment()
    page.filters |= {"arm": arm_name, "colour": arm_colour}
    roc = roc_figures(report)
    names = list(next(iter(report["arms"].values())).get("metrics", {}))
    return page.get_template("report.html.j2").render(
        report=report,
        difference=difference_figure(report),
        arms=arms_figure(report),
        labels=label_figure(report),
        roc=roc,
        calibration=calibration_figures(report),
        decision=decision_figures(report),
        training=training_figure(histories, across=2 if len(roc) == 1 else 4),
        subgroups=subgroup_figure(report),
        metrics={name: METRICS[name].title for name in names},
        shown=list(COLOURS),
        failed=[check for check in report["leak_audit"] if not check["passed"]],
        flow=flow,
        aside=aside,
    )
