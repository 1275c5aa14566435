"""Items 2 and 20 to 27 of the card: results, their interpretation and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medkd.deploy.bundle.card.card_schema import Card, CardSubgroup, Interval
from medkd.deploy.bundle.card.formatting import Content, Table, figure, metric_name, percent, with_interval
from medkd.evidence.figures.appearance import arm_name
from medkd.evidence.verdict import Verdict

PARTS = {
    "train": "training samples of one fit",
    "val": "inner-validation samples of one fit",
    "test": "test samples, over all folds and seeds",
    "test_subjects": "test subjects, over all folds and seeds",
    "seeds": "seeds",
}


def abstract(card: Card) -> Content:
    """2: verdict, headline, sets, weakest subgroups."""
    sentence = [card.sentence] if card.sentence else []
    return [f"Verdict on distillation: {card.verdict}.", *sentence, *coverage_lines(card), *weak_lines(card)], []


def flow(card: Card) -> Content:
    """20a: found, excluded, kept."""
    return [], [Table.of(("samples", "number"), ((row.reason, row.count) for row in card.flow))]


def participants(card: Card) -> Content:
    """20b: age, sex, outcome."""
    known = card.participants
    rows = [
        (name, known[name]) for name in ("samples", "subjects", "sites", "unlabelled") if known.get(name) is not None
    ]
    if age := known.get("age"):
        rows.append(
            (
                "age, median (quartiles)",
                f"{age['median']:g} ({age['q1']:g} to {age['q3']:g}), known of {age['known']} subjects",
            )
        )
    rows += [(f"sex, {name}", count) for name, count in known.get("sex", {}).items()]
    for name, row in known.get("outcomes", {}).items():
        if "with" in row:
            rows.append((f"{name}, subjects with and without", f"{row['with']} and {row['without']}"))
        else:
            rows.append(
                (
                    f"{name}, median (quartiles)",
                    f"{row['median']:g} ({row['q1']:g} to {row['q3']:g}) of {row['samples']} samples",
                )
            )
    return [], [Table.of(("characteristic", "value"), rows)]


def comparison(card: Card) -> Content:
    """20c: none, there is no second cohort."""
    return ["No other cohort was evaluated."], []


def numbers(card: Card) -> Content:
    """21: of each analysis."""
    rows = [(PARTS.get(name, name), count) for name, count in card.n.items()]
    rows += (
        [("samples that the deployed weights were fitted on", card.training_samples)] if card.training_samples else []
    )
    fraction = card.label_fraction
    rows += (
        [("share of the training subjects that kept their label", percent(fraction))] if fraction is not None else []
    )
    return [], [Table.of(("part", "number"), rows)]


def model(card: Card) -> Content:
    """22: the files."""
    return [
        f"config.yaml and preprocess.yaml define what {card.weights} (sha256 {card.model_sha256}) is loaded into; "
        "nothing is left out."
    ], []


def performance(card: Card) -> Content:
    """23a: arms, metrics, calibration, sets, subgroups."""
    titled = {metric_name(name): row for name, row in card.student_metrics.items()}
    named = {arm_name(name): row for name, row in card.figures.items()}
    subgroups = (_subgroup(row) for row in card.subgroups)
    tables = [
        _figures("arm or difference", named, f"{card.metric_title} of each arm, and differences"),
        _figures("metric", titled, "Student, all metrics"),
        _coverage(card.coverage),
        Table.of(
            ("by", "group", "n", "value", "low", "high"),
            subgroups,
            f"{card.metric_title} of the student by subgroup",
        ),
    ]
    lines = [
        "Student is the deployed model's arm, baseline the same model without a teacher; "
        "gain is student - baseline, with more being better."
    ]
    lines += coverage_lines(card) + weak_lines(card)
    return lines, tables


def heterogeneity(card: Card) -> Content:
    """23b: seeds and sites."""
    spread = [(arm_name(name), value) for name, value in card.seed_sd.items() if value is not None]
    sites = (_subgroup(row)[1:] for row in card.subgroups if row.by == "site")
    return [], [
        Table.of(("arm", f"standard deviation of {card.metric_title} between seeds"), spread),
        Table.of(("site", "n", "value", "low", "high"), sites, f"{card.metric_title} of the student by site"),
    ]


def updating(card: Card) -> Content:
    """24: none."""
    return ["None: the model was not updated after it was evaluated."], []


def interpretation(card: Card) -> Content:
    """25: the verdict and what it rests on."""
    known = card.verdict in list(Verdict)
    meaning = Verdict(card.verdict).meaning if known else "not stated"
    return [f"Verdict: {card.verdict}, that is: {meaning}."], []


def limits(card: Card) -> Content:
    """26: limits, and what was not done."""
    undone = [f"- {line}" for line in card.not_done]
    return [*(f"- {limit}" for limit in card.limits), *(["Not done:", *undone] if undone else [])], []


def poor_input(card: Card) -> Content:
    """27a: treatment of poor or missing input."""
    lines = [
        "A record that cannot be read, or lacks what the model needs, is set aside with its reason "
        "and gets no prediction."
    ]
    if drift := card.drift:
        lines.append(
            f"Each input is compared with those of {drift['samples']} training samples by {drift['summaries']} "
            "summaries; one further away than 99 % of them has a drift above 1. That does not mean that the prediction "
            "is wrong, nor a drift below 1 that it is right."
        )
    return lines, []


def next_steps(card: Card) -> Content:
    """27c: next steps."""
    return [
        "Measure it on your own patients before it is used (medkd evaluate), then watch drift and outcomes; "
        "item 26 lists what was not done."
    ], []


def weak_lines(card: Card) -> list[str]:
    """The weakest subgroups, named."""
    if not card.weakest:
        return []
    named = "; ".join(f"{row.by} {row.group} {with_interval(row)}, n = {row.n}" for row in card.weakest)
    overall = figure(card.figures["student"].value if "student" in card.figures else None)
    return [f"Weakest subgroups by {card.metric_title} (over all {overall}): {named}."]


def coverage_lines(card: Card) -> list[str]:
    """Coverage of the conformal sets on test subjects."""
    coverage, sets = card.coverage, card.calibration.get("conformal")
    if not coverage or not sets:
        return []
    return [
        f"Conformal sets held the truth in {percent(coverage['covered'])} of test items "
        f"({percent(sets['coverage'])} wanted) and abstained in {percent(coverage['abstains'])}; "
        "quantiles were taken without the test fold's subjects."
    ]


def _figures(heading: str, rows: Mapping[str, Interval], caption: str) -> Table:
    cells = ((name, row.value, row.low, row.high) for name, row in rows.items())
    return Table.of((heading, "value", "low", "high"), cells, caption)


def _coverage(coverage: Mapping[str, Any]) -> Table:
    rows = (
        (name, row["n"], row["subjects"], row["covered"], row["low"], row["high"], row["abstains"])
        for name, row in coverage.get("classes", {}).items()
    )
    head = ("truth", "predictions", "subjects", "share in the set", "low", "high", "share that abstains")
    return Table.of(head, rows, "Conformal sets of test items")


def _subgroup(row: CardSubgroup) -> tuple[Any, ...]:
    shown = (f"not shown: {row.reason}", "", "") if row.suppressed else (row.value, row.low, row.high)
    return (row.by, row.group, row.n, *shown)
