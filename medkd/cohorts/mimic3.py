"""MIMIC-III 1.4: 61,532 stays in intensive care of 46,476 patients of one hospital in Boston."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl

from medkd.cohorts.icu.mimic import Mimic
from medkd.cohorts.icu.stay_hours import hours_between
from medkd.data.io.tables import scan_table

_TIME = pl.Datetime("us")


class MIMIC3(Mimic):
    """MIMIC-III exactly as published, whole or demo.

    Needed are ``ICUSTAYS``, ``ADMISSIONS`` and ``PATIENTS``; other tables are used where they exist. A sample is a stay
    of an adult; ages above 89, which the publisher moves to 300, are 90. Death is ``hospital_expire_flag``, its time
    ``deathtime``. Of the demo's 136 stays 110 are samples of mortality_24h (33
    deaths) and of length_of_stay, 71 of mortality_48h (26 deaths); decompensation has 3,394 samples (162 positive).

    Source: Johnson et al. 2016, doi:10.1038/sdata.2016.35; data doi:10.13026/C2XW26, demo doi:10.13026/C2HM2Q.
    """

    name: ClassVar[str] = "mimic3"
    marker: ClassVar[str] = "ICUSTAYS.csv.gz"
    licence: ClassVar[str] = "PhysioNet Credentialed Health Data License 1.5.0; the demo: ODbL 1.0"
    marked_as_error: ClassVar[Mapping[str, str]] = {"chartevents": "error", "outputevents": "iserror"}
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {**Mimic.tables, "notes": ("noteevents",)}
    stay_id: ClassVar[str] = "icustay_id"
    birth: ClassVar[Mapping[str, Any]] = {"dob": pl.Datetime("us")}
    age: ClassVar[pl.Expr] = hours_between("dob", "intime") / (24 * 365.25)

    def diagnoses(self) -> pl.LazyFrame:
        """ICD-9 codes."""
        table = scan_table(self.root, "diagnoses_icd", {"hadm_id": pl.Int64, "icd9_code": pl.String}).drop_nulls()
        return table.select("hadm_id", variable=pl.format("ICD9:{}", "icd9_code"))

    def notes(self, table: str) -> pl.LazyFrame:
        """Texts that are not marked as errors; one with a date and no time is known at the end of that day."""
        columns = {"hadm_id": pl.Int64, "chartdate": _TIME, "charttime": _TIME, "iserror": pl.String, "text": pl.String}
        rows = scan_table(self.root, table, columns).filter(pl.col("iserror").is_null() | (pl.col("iserror") != "1"))
        return rows.with_columns(pl.coalesce("charttime", pl.col("chartdate").dt.offset_by("1d")).alias("known"))
