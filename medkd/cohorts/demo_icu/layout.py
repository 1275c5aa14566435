"""MIMIC-IV's tables as published: names, columns and their order, gzipped CSV."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

COLUMNS = {
    "hosp/patients": "subject_id gender anchor_age anchor_year anchor_year_group dod",
    "hosp/admissions": "subject_id hadm_id admittime dischtime deathtime admission_type admit_provider_id "
    "admission_location discharge_location insurance language marital_status race edregtime edouttime "
    "hospital_expire_flag",
    "hosp/diagnoses_icd": "subject_id hadm_id seq_num icd_code icd_version",
    "hosp/labevents": "labevent_id subject_id hadm_id specimen_id itemid order_provider_id charttime storetime "
    "value valuenum valueuom ref_range_lower ref_range_upper flag priority comments",
    "hosp/d_labitems": "itemid label fluid category",
    "icu/icustays": "subject_id hadm_id stay_id first_careunit last_careunit intime outtime los",
    "icu/chartevents": "subject_id hadm_id stay_id caregiver_id charttime storetime itemid "
    "value valuenum valueuom warning",
    "icu/d_items": "itemid label abbreviation linksto category unitname param_type lownormalvalue highnormalvalue",
    "note/radiology": "note_id subject_id hadm_id note_type note_seq charttime storetime text",
    "note/discharge": "note_id subject_id hadm_id note_type note_seq charttime storetime text",
}
YEAR = 2150
EPOCH = datetime(YEAR, 1, 1)
SUBJECT, ADMISSION, STAY = 10_000_000, 20_000_000, 30_000_000
"""The numbers of subjects, admissions and stays begin after these."""


def write_table(
    root: Path, name: str, parts: Iterable[pl.DataFrame], constants: Mapping[str, Any] | None = None
) -> None:
    """Write one table from parts of its rows; columns that are not in a part are empty or constant.

    Args:
        root: the cohort's folder.
        name: folder and table, such as "hosp/patients".
        parts: each with some of the published columns, in any order.
        constants: column → its value in all rows.
    """
    path = root / f"{name}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    fixed = constants or {}
    columns = COLUMNS[name].split()
    # No name and no time in the archive: the same settings give the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as file:
        for number, part in enumerate(parts):
            rows = part.select(
                pl.col(column)
                if column in part.columns
                else pl.lit(fixed.get(column), dtype=None if column in fixed else pl.String).alias(column)
                for column in columns
            )
            file.write(rows.write_csv(include_header=number == 0, datetime_format="%Y-%m-%d %H:%M:%S").encode())


def moment(hours: pl.Expr) -> pl.Expr:
    """The date and time so many hours after the cohort's epoch, to the second."""
    return pl.lit(EPOCH) + pl.duration(seconds=(hours * 3600).round().cast(pl.Int64))
