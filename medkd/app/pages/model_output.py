"""Model output for a case: score and decision, calibration in the test, conformal set, drift, out-of-fold scores."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from medkd.app.figures.probability import describe_probability, probability_figure
from medkd.app.pages.markup import markup
from medkd.app.pages.score_sentences import (
    conformal_sentence,
    drift_sentence,
    reliability_sentence,
    threshold_sentence,
    weak_subgroups,
)
from medkd.app.pages.viewer_context import ViewerContext


def model_output_html(context: ViewerContext, case: int) -> str:
    """HTML of the model's output for one case."""
    row, target, sets = context.cases.row(case), context.bundle.target, context.bundle.conformal
    scores = {name: float(row[f"p_cal_{name}"]) for name in target.names}
    has_classes = target.kind in ("binary", "multilabel", "multiclass")
    like = [
        {"name": name, "text": text}
        for name, p in scores.items()
        if (text := reliability_sentence(name, p, context.report))
    ]
    tone, drift = drift_sentence(row["drift"])
    return markup(
        "case_model",
        described=describe_probability(target, list(scores.values()), context.bundle.threshold, row["set"]),
        like=like,
        several=len(like) > 1,
        set=conformal_sentence(row["set"], None if sets is None else sets.coverage),
        abstains=bool(row["set"]) and "abstains" in row["set"],
        at_threshold=threshold_sentence(context.card) if has_classes else "",
        drift=drift,
        drift_tone=tone,
        compared=_out_of_fold_lines(row, target.names),
        remark=context.cases.remark,
        weak=", ".join(f"{group['by']} {group['group']}" for group in weak_subgroups(context.card) if group["weak"]),
    )


def model_output_figure(context: ViewerContext, case: int, width: int) -> go.Figure:
    """Figure of probability, threshold, and out-of-fold scores of teacher and student; ``width`` in pixels."""
    row, names = context.cases.row(case), context.bundle.target.names
    return probability_figure(
        context.bundle.target,
        [row[f"p_cal_{name}"] for name in names],
        context.bundle.threshold,
        teacher=[row.get(f"teacher_{name}") for name in names],
        out_of_fold=[row.get(f"student_oof_{name}") for name in names],
        width=width,
    )


def _out_of_fold_lines(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """One line per class: scores of teacher and student that had not seen the case, where a run has them."""
    lines = []
    for name in names:
        scores = [
            f"{arm} {value:.2f}"
            for column, arm in (("teacher", "teacher"), ("student_oof", "student"))
            if (value := row.get(f"{column}_{name}")) is not None
        ]
        if scores:
            lines.append(f"Out of fold{f', {name}' if len(names) > 1 else ''}: {', '.join(scores)}.")
    return lines
