"""Description of a cohort on one page of a terminal: targets with counts, modalities, people, exclusions."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion, check_samples
from medkd.data.core.target import Target
from medkd.data.core.view import Part
from medkd.data.splits.draw import fitting_protocol


def describe(cohort: Cohort, chosen: Target, protocol: str, folder: Path) -> str:
    """The whole page; the flow and the people are those of the chosen target.

    Args:
        cohort: as it is on disk.
        chosen: one of its targets.
        protocol: of the split; "" for the cohort's default.
        folder: where signals from shared tables may be written.
    """
    table, exclusions = cohort.samples(chosen)
    protocol = protocol or fitting_protocol(cohort.default_protocol, table["subject_id"].n_unique())
    extract = cohort.extract(check_samples(table, chosen, f"cohort {cohort.name}"), folder)
    table = extract.samples
    total = table.height + sum(item.count for item in exclusions)
    flow = [Exclusion("samples found", total), *exclusions, Exclusion("samples kept", table.height)]
    keys_of: dict[str, list[str]] = {}
    for key, target in cohort.targets().items():
        keys_of.setdefault(target.rule, []).append(key)
    rules = [f"  {', '.join(keys)}: {rule or 'no rule given'}" for rule, keys in keys_of.items()]
    parts = [
        next(iter((inspect.getdoc(type(cohort)) or cohort.name).splitlines())),
        f"licence   {cohort.licence or 'not stated'}\nfolder    {cohort.root}\nprotocol  {protocol}",
        f"targets (* described below)\n{_targets(cohort, chosen)}\n" + "\n".join(rules),
        "modalities\n" + "\n".join(_modality(name, modality, table) for name, modality in cohort.modalities().items()),
        f"people\n{_people(table)}",
        f"exclusions for target {chosen.key}\n{flow_table(flow)}",
    ]
    return "\n\n".join([*parts, *aside_table(extract.aside)])


def flow_table(flow: Sequence[Exclusion]) -> str:
    """Numbers of samples (or values) with their reasons, a line each; a reason that counts nothing gets a dash."""
    width = max(len(str(step.count)) for step in flow)
    return "\n".join(f"  {step.count or '-':>{width}}  {step.reason}" for step in flow)


def aside_table(aside: Sequence[Exclusion]) -> list[str]:
    """Values of shared tables that were set aside, by reason, and missing tables; empty where there are none."""
    return [f"values set aside\n{flow_table(aside)}"] if aside else []


def _targets(cohort: Cohort, chosen: Target) -> str:
    rows = []
    for key, target in cohort.targets().items():
        table = check_samples(cohort.samples(target)[0], None, f"cohort {cohort.name}")
        mark = "*" if key == chosen.key else " "
        for column, name in zip(
            target.columns, target.names if target.kind != "multiclass" else target.columns, strict=True
        ):
            known = table.filter(pl.col(column).is_not_null())
            rows.append(
                (f"{mark}{key}", target.kind, name, *_counts(known, column, target), table.height - known.height)
            )
    names = ("target", "kind", "class", "positive", "samples", "subjects", "positive subjects", "unlabelled")
    return _printed(pl.DataFrame(rows, schema=list(names), orient="row"))


def _counts(known: pl.DataFrame, column: str, target: Target) -> tuple[str, int, int, str]:
    subjects = known["subject_id"].n_unique()
    if target.kind in ("binary", "multilabel"):
        positive = known.filter(pl.col(column) == 1)
        return str(positive.height), known.height, subjects, str(positive["subject_id"].n_unique())
    if target.kind == "multiclass":
        each = [known.filter(pl.col(column) == index) for index in range(len(target.classes))]
        return (
            "/".join(str(one.height) for one in each),
            known.height,
            subjects,
            "/".join(str(one["subject_id"].n_unique()) for one in each),
        )
    return "-", known.height, subjects, "-"


def _modality(name: str, modality: Modality, table: pl.DataFrame) -> str:
    shape = modality.shape(Part(name))
    listed = [
        value
        for value in vars(modality).values()
        if isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    ]
    channels = next((", ".join(value) for value in listed if len(value) == shape[0]), "")
    size = " x ".join(map(str, shape))
    return f"  {name}: {table[name].count()} samples, prepared to {size}" + (
        f"; channels {channels}" if channels else ""
    )


def _people(table: pl.DataFrame) -> str:
    subjects = table.unique("subject_id", keep="first", maintain_order=True)
    lines = [f"  {table.height} samples of {subjects.height} subjects"]
    if "age" in subjects.columns and subjects["age"].count():
        age = subjects["age"].cast(pl.Float64)
        least, low, middle, high, most = (age.quantile(share, "nearest") or 0.0 for share in (0, 0.25, 0.5, 0.75, 1))
        lines.append(
            f"  age {middle:g} years (quartiles {low:g}, {high:g}; {least:g} to {most:g}; {age.null_count()} unknown)"
        )
    for column in ("sex", "site"):
        if column in subjects.columns:
            counts = subjects[column].cast(pl.String).fill_null("unknown").value_counts(sort=True)
            shown = [f"{value}: {count}" for value, count in counts.head(_SHOWN).iter_rows()]
            more = (
                [f"{counts.height - _SHOWN} more with {counts.slice(_SHOWN)['count'].sum()}"]
                if counts.height > _SHOWN
                else []
            )
            lines.append(f"  {column} " + ", ".join([*shown, *more]))
    lines += [f"  {column} not given" for column in ("age", "sex", "site") if column not in subjects.columns]
    return "\n".join(lines)


_SHOWN = 8
"""Values of a column that are listed one by one."""


def _printed(table: pl.DataFrame) -> str:
    with pl.Config(
        tbl_formatting="NOTHING",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=200,
        fmt_str_lengths=80,
        tbl_cell_numeric_alignment="RIGHT",
    ):
        return "\n".join(line.rstrip() for line in str(table).splitlines())
