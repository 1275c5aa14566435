"""The report's pictures, drawn from the report's own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from medkd.evidence.chart import COLOURS, OTHER, Chart
from medkd.evidence.forest import Panel, Row, forest

Report = Mapping[str, Any]
MOST_CLASSES = 12
NAMES = {
    "teacher": "teacher",
    "student": "student",
    "solo": "solo (no teacher)",
    "self_teacher": "student of a self-teacher",
    "label_only_teacher": "student of a label-only teacher",
    "shuffled_teacher": "student of a shuffled teacher",
}
_LINES = {"teacher": "5 4", "student": "", "solo": "2 3"}


def arm_name(arm: str) -> str:
    """An arm as a reader should see it."""
    return NAMES.get(arm, arm.replace("_", " "))


def difference_figure(report: Report) -> Markup:
    """Gain, privileged gain, gap and controls with their intervals, at each label fraction, the largest first."""
    rows: list[Row] = []
    for entry in reversed(report["label_efficiency"]):
        share = entry["label_fraction"]
        labels = "All training subjects labelled" if share >= 1 else f"{share:.0%} of the training subjects labelled"
        rows.append(Row(f"{labels}: {entry['verdict']}", heading=True))
        rows.append(Row("Gain: student over solo", [entry["gain"]], COLOURS["student"], strong=True))
        if entry["privileged_gain"] is not None:
            rows.append(Row("Privileged gain: over self-training", [entry["privileged_gain"]], COLOURS["student"], strong=True))
        if entry["gap"] is not None:
            rows.append(Row("Gap: teacher over solo", [entry["gap"]], COLOURS["teacher"]))
        rows += [Row(f"Control: {arm_name(name)}", [value["gain"]], OTHER) for name, value in entry["controls"].items()]
    return forest(
        "Differences with their intervals", rows, [Panel(f"Difference in {report['metric_title']} (right of the line is better)")]
    )


def arms_figure(report: Report) -> Markup:
    """Every arm's value with its interval, and a dot for each seed."""
    rows = [
        Row(arm_name(arm), [found], COLOURS.get(arm, OTHER), strong=arm in NAMES and arm in COLOURS, dots=_known(found["seeds"]))
        for arm, found in report["arms"].items()
    ]
    return forest("Arms with their intervals", rows, [Panel(f"{report['metric_title']} (dots: single seeds)", difference=False)])


def label_figure(report: Report) -> Markup | None:
    """Arms over the share of labelled subjects; None where only one share was run."""
    entries = report["label_efficiency"]
    if len(entries) < 2:
        return None
    values = [value for entry in entries for arm in entry["arms"].values() for value in (arm["low"], arm["high"]) if value is not None]
    low, high = min(values), max(values)
    places = list(range(len(entries)))
    chart = Chart(
        "How many labels it takes",
        "training subjects with a label",
        report["metric_title"],
        (-0.4, len(entries) - 0.6),
        (low - 0.05 * (high - low), high + 0.05 * (high - low)),
        x_ticks=places,
        x_format=lambda place: f"{entries[int(place)]['label_fraction']:.0%}",
    )
    drawn = [arm for arm in ("self_teacher", "solo", "student", "teacher") if all(arm in entry["arms"] for entry in entries)]
    for number, arm in enumerate(drawn):
        colour, aside = COLOURS.get(arm, OTHER), 0.03 * (number - (len(drawn) - 1) / 2)
        known = [(place + aside, entry["arms"][arm]) for place, entry in enumerate(entries) if entry["arms"][arm]["value"] is not None]
        short = "self-taught" if arm == "self_teacher" else arm
        chart.line([place for place, _ in known], [found["value"] for _, found in known], colour, dash=_LINES.get(arm, "1 4"), name=short)
        for place, found in known:
            chart.whisker(place, found["low"], found["high"], colour)
            chart.point(place, found["value"], colour, f"{arm_name(arm)}: {found['value']:.3f}")
    return chart.markup()


def roc_figures(report: Report) -> list[Markup]:
    """A ROC chart for each class."""
    curves = report["curves"].get("roc", {"classes": {}})
    figures = []
    for name, arms in list(curves["classes"].items())[:MOST_CLASSES]:
        chart = Chart(
            _title("ROC", name, report),
            "false alarms (1 - specificity)",
            "sensitivity",
            (0, 1),
            (0, 1),
            width=_size(report)[0],
            height=_size(report)[1],
        )
        chart.line([0, 1], [0, 1], "#cbd5e1", width=1.4, dash="4 4")
        for arm, curve in arms.items():
            if curve is not None:
                chart.line(curves["false_positive_rate"], curve, COLOURS.get(arm, OTHER), dash=_LINES.get(arm, ""), name=arm)
        figures.append(chart.markup())
    return figures


def calibration_figures(report: Report) -> list[Markup]:
    """A reliability chart for each class: the student's with intervals and histogram, the others as lines."""
    arms = report["calibration"]
    figures = []
    for name in report["classes"][:MOST_CLASSES] if arms else []:
        chart = Chart(
            _title("Calibration", name, report),
            "predicted probability",
            "observed share",
            (0, 1),
            (0, 1),
            width=_size(report)[0],
            height=_size(report)[1],
        )
        chart.bars(arms["student"]["classes"][name]["histogram"], COLOURS["student"])
        chart.line([0, 1], [0, 1], "#cbd5e1", width=1.4, dash="4 4")
        for arm in ("teacher", "solo", "student"):
            bins = arms.get(arm, {"classes": {}})["classes"].get(name, {}).get("reliability", [])
            if not bins:
                continue
            xs, colour = [one["predicted"] for one in bins], COLOURS[arm]
            width = 2.2 if arm == "student" else 1.4
            chart.line(xs, [one["observed"] for one in bins], colour, width=width, dash=_LINES[arm], name=arm)
            for one in bins if arm == "student" else []:
                chart.whisker(one["predicted"], one["low"], one["high"], colour)
                chart.point(one["predicted"], one["observed"], colour, f"predicted {one['predicted']:.2f}, observed {one['observed']:.2f}")
        figures.append(chart.markup())
    return figures


def decision_figures(report: Report) -> list[Markup]:
    """A decision curve for each class, over the thresholds at which any arm is worth something."""
    curves = report["curves"].get("decision", {"classes": {}})
    figures = []
    for name, lines in list(curves["classes"].items())[:MOST_CLASSES]:
        best = [max(values) for values in zip(*(line for arm, line in lines.items() if arm != "treat_all"), strict=True)]
        useful = [threshold for threshold, value in zip(curves["threshold"], best, strict=True) if value > 0.003]
        end = min(0.99, max([*useful, 0.2]) + 0.08)
        top = max([0.02, *best]) * 1.1
        chart = Chart(
            _title("Decision curve", name, report),
            "threshold of concern",
            "net benefit",
            (0, end),
            (-0.15 * top, top),
            width=_size(report)[0],
            height=_size(report)[1],
        )
        chart.line([0, end], [0, 0], COLOURS["treat_none"], width=1.4, name=_legend("treat none", report))
        for arm, line in {"treat_all": lines.get("treat_all", []), **lines}.items():
            kept = [(x, y) for x, y in zip(curves["threshold"], line, strict=True) if x <= end]
            dash, width = ("6 3", 1.4) if arm == "treat_all" else (_LINES.get(arm, ""), 2.2)
            words = _legend("treat all", report) if arm == "treat_all" else arm
            chart.line([x for x, _ in kept], [y for _, y in kept], COLOURS.get(arm, OTHER), width=width, dash=dash, name=words)
        figures.append(chart.markup())
    return figures


def training_figures(histories: Sequence[pl.DataFrame], most: int = 6) -> list[Markup]:
    """A chart for each logged quantity: the median over fits with the middle 80 %, for teacher, student and solo."""
    known = [history for history in histories if history.height]
    if not known:
        return []
    table = pl.concat([one.select("arm", "seed", "fold", "step", "name", "value") for one in known], how="vertical_relaxed")
    table = table.filter(pl.col("arm").is_in(list(_LINES)) & pl.col("value").is_finite())
    figures = []
    for name in sorted(table["name"].unique().to_list(), key=lambda word: ("val" not in word, word))[:most]:
        part = table.filter(pl.col("name") == name)
        width = max(1.0, float(part["step"].max() or 0) / 50)  # type: ignore[arg-type]
        part = part.with_columns((pl.col("step") / width).floor() * width)
        middle = part.group_by("arm", "step").agg(
            pl.col("value").median(), pl.col("value").quantile(0.1).alias("low"), pl.col("value").quantile(0.9).alias("high")
        )
        low, high, last = middle["low"].min(), middle["high"].max(), middle["step"].max()
        room = max((high - low) * 0.05, 1e-6)  # type: ignore[operator]
        chart = Chart(name, "step", "", (0, max(float(last), 1.0)), (low - room, high + room), width=350, height=300)  # type: ignore[arg-type,operator]
        for arm in _LINES:
            one = middle.filter(pl.col("arm") == arm).sort("step")
            if one.height:
                chart.band(one["step"].to_list(), one["low"].to_list(), one["high"].to_list(), COLOURS[arm])
                chart.line(one["step"].to_list(), one["value"].to_list(), COLOURS[arm], width=1.8, name=arm)
        figures.append(chart.markup())
    return figures


def subgroup_figure(report: Report) -> Markup | None:
    """The student's value and gain in each subgroup; suppressed ones say so."""
    rows: list[Row] = []
    for row in report["subgroups"]:
        if not rows or row["by"] not in {before.label for before in rows if before.heading}:
            rows.append(Row(row["by"], heading=True))
        label = f"{row['group']} ({row['n']} samples, {row['subjects']} subjects)"
        note = f"not shown: {row['reason']}" if row["suppressed"] else ""
        rows.append(Row(label, [row["value"], row["gain"]], COLOURS["student"], note=note))
    if not rows:
        return None
    panels = [Panel(f"Student's {report['metric_title']}", difference=False), Panel("Gain over solo")]
    return forest("Subgroups", rows, panels, width=1100, label_width=300)


def _size(report: Report) -> tuple[int, int]:
    """One class has a large picture; of several, three stand in a row, drawn smaller so that their words are not."""
    return (500, 430) if len(report["classes"]) == 1 else (410, 370)


def _legend(words: str, report: Report) -> str:
    return words if len(report["classes"]) == 1 else words.removeprefix("treat ")


def _title(what: str, name: str, report: Report) -> str:
    short = name if len(name) <= 34 else name[:32] + "…"
    return what if len(report["classes"]) == 1 else f"{what}: {short}"


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
