"""What the model says of a case, in the order that a reader needs it.

Score, call, what that meant in the test, set, drift, teacher.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from medkd.app.figures.probability import describe_probability, probability_figure
from medkd.app.pages.context import Desk
from medkd.app.pages.markup import markup
from medkd.app.pages.meaning import at_threshold, drift_in_words, like_this, set_in_words, weak_subgroups


def model_view(desk: Desk, case: int) -> str:
    """HTML of the model's output for one case.

    Args:
        desk: whose bundle and cases.
        case: its number.
    """
    row, target, sets = desk.cases.row(case), desk.bundle.target, desk.bundle.conformal
    scores = {name: float(row[f"p_cal_{name}"]) for name in target.names}
    probable = target.kind in ("binary", "multilabel", "multiclass")
    like = [{"name": name, "text": text} for name, p in scores.items() if (text := like_this(name, p, desk.report))]
    tone, drift = drift_in_words(row["drift"])
    compared = _compared(row, target.names)
    return markup(
        "case_model",
        described=describe_probability(target, list(scores.values()), desk.bundle.threshold, row["set"]),
        like=like,
        several=len(like) > 1,
        set=set_in_words(row["set"], None if sets is None else sets.coverage),
        abstains=bool(row["set"]) and "abstains" in row["set"],
        at_threshold=at_threshold(desk.card) if probable else "",
        drift=drift,
        drift_tone=tone,
        compared=compared,
        remark=desk.cases.remark,
        weak=", ".join(f"{held['by']} {held['group']}" for held in weak_subgroups(desk.card) if held["weak"]),
    )


def model_figure(desk: Desk, case: int, width: int) -> go.Figure:
    """The same as a picture: probability, threshold, and what teacher and student said out of fold.

    Args:
        desk: whose bundle and cases.
        case: its number.
        width: pixels there are.
    """
    row, names = desk.cases.row(case), desk.bundle.target.names
    return probability_figure(
        desk.bundle.target,
        [row[f"p_cal_{name}"] for name in names],
        desk.bundle.threshold,
        teacher=[row.get(f"teacher_{name}") for name in names],
        out_of_fold=[row.get(f"student_oof_{name}") for name in names],
        width=width,
    )


def _compared(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """What teacher and student said of a case that they had not seen, where a run scored it in its test.

    A line a class.
    """
    lines = []
    for name in names:
        said = [
            f"{who} {value:.2f}"
            for column, who in (("teacher", "teacher"), ("student_oof", "student"))
            if (value := row.get(f"{column}_{name}")) is not None
        ]
        if said:
            lines.append(f"Out of fold{f', {name}' if len(names) > 1 else ''}: {', '.join(said)}.")
    return lines
