"""Check of a cohort as it is on disk: every record, every label column, every subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from medkd.data.core.cohort import Cohort
from medkd.data.core.sample import check_samples
from medkd.data.core.target import Target
from medkd.data.io.private import writing_private
from medkd.data.splits.draw import draw_split
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import PreparedCohort

UNUSABLE, SHARED = "unusable.csv", "same_recording.csv"


@dataclass(frozen=True)
class Finding:
    """One result of the check: counts alone, no identifier.

    Args:
        status: "note" is worth knowing, and not a failure.
        what: one line, and indented ones below it.
    """

    status: Literal["ok", "note", "FAILED"]
    what: str


def check_cohort(cohort: Cohort, prepared: PreparedCohort, usable: pl.DataFrame, out: Path | None) -> list[Finding]:
    """Every finding; with ``out``, two files there name the samples and subjects, readable by their owner alone.

    Args:
        cohort: as it is on disk.
        prepared: every record of it, with the cohort's own settings.
        usable: the samples that can be used, subjects that share a recording under one name.
        out: folder for ``unusable.csv`` and ``same_recording.csv``; None writes nothing.
    """
    unusable = pl.concat(
        [
            stored.index.filter(pl.col("status") == "unusable").select(
                pl.lit(name).alias("modality"), "sample_id", "reason"
            )
            for name, stored in prepared.arrays("student").items()
        ]
    )
    shared = _shared(cohort, prepared.target, usable)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in ((UNUSABLE, unusable), (SHARED, shared)):
            with writing_private(out / name) as temporary:
                table.write_csv(temporary)
    findings = [_records(name, stored.index, unusable) for name, stored in prepared.arrays("student").items()]
    findings.append(_subjects(usable, shared.height))
    findings += _labels(cohort)
    findings.append(_split(usable, prepared))
    return findings


def print_check(cohort: Cohort, findings: list[Finding], out: Path | None) -> int:
    """Print the findings; 1 where one failed, else 0."""
    print(f"cohort {cohort.name} in {cohort.root}")
    for finding in findings:
        print(f"  {finding.status:<8}{finding.what}")
    if out is not None:
        print(f"names: {out / UNUSABLE}  {out / SHARED}")
    failed = sum(finding.status == "FAILED" for finding in findings)
    print(f"{len(findings) - failed} of {len(findings)} passed")
    return 1 if failed else 0


def _records(name: str, index: pl.DataFrame, unusable: pl.DataFrame) -> Finding:
    absent = (index["status"] == "absent").sum()
    wanted = f"{index.height - absent} records of {name}" + (f" ({absent} samples have none)" if absent else "")
    bad = unusable.filter(pl.col("modality") == name)
    if bad.is_empty():
        return Finding("ok", f"{wanted} can be read and prepared")
    reasons = "".join(f"\n{count:>16}  {reason}" for reason, count in bad["reason"].value_counts(sort=True).iter_rows())
    return Finding("FAILED", f"{bad.height} of {wanted} cannot be used{reasons}")


def _shared(cohort: Cohort, target: Target, usable: pl.DataFrame) -> pl.DataFrame:
    """Subjects that are split together with another, and the name that they are split under."""
    own = check_samples(cohort.samples(target)[0], target, f"cohort {cohort.name}").select(
        "sample_id", own="subject_id"
    )
    both = usable.select("sample_id", split_as="subject_id").join(
        own, on="sample_id", how="left", maintain_order="left"
    )
    return (
        both.filter(pl.col("own") != pl.col("split_as"))
        .select(subject_id="own", split_as="split_as")
        .unique(maintain_order=True)
    )


def _subjects(usable: pl.DataFrame, shared: int) -> Finding:
    subjects = usable["subject_id"].n_unique()
    if not shared:
        return Finding("ok", f"{subjects} subjects, none with a recording of another")
    return Finding("note", f"{shared} subjects share a recording with another: split together, {subjects} are left")


def _labels(cohort: Cohort) -> Iterator[Finding]:
    for key, target in cohort.targets().items():
        try:
            table = check_samples(cohort.samples(target)[0], target, f"cohort {cohort.name}")
        except InputError as error:
            yield Finding("FAILED", f"target {key}: {error.what}")
            continue
        wrong = [_wrong(table[column], target) for column in target.columns]
        faults = [f"{column} {fault}" for column, fault in zip(target.columns, wrong, strict=True) if fault]
        unlabelled = table.select(pl.all_horizontal(pl.col(target.columns).is_null()).sum()).item()
        yield Finding(
            "FAILED" if faults else "ok",
            f"target {key}: " + ("; ".join(faults) or f"{table.height - unlabelled} labelled samples"),
        )


def _wrong(column: pl.Series, target: Target) -> str:
    """The fault of a label column; "" if there is none."""
    known = column.drop_nulls().cast(pl.Float64)
    if not known.is_finite().all():
        return "is not finite everywhere"
    if target.kind in ("binary", "multilabel", "multiclass"):
        classes = range(len(target.classes)) if target.kind == "multiclass" else range(2)
        if strange := known.filter(~known.is_in([float(value) for value in classes])).len():
            return f"holds {strange} values that are not a class"
        if known.n_unique() < 2:
            return "holds one class alone"
    return ""


def _split(usable: pl.DataFrame, prepared: PreparedCohort) -> Finding:
    try:
        split = draw_split(usable, prepared.target, prepared.protocol, 0, prepared.official)
    except InputError as error:
        return Finding("FAILED", f"protocol {prepared.protocol}: {error.what}")
    return Finding("ok", f"protocol {prepared.protocol}: {split.table['fold'].n_unique()} folds can be drawn")
