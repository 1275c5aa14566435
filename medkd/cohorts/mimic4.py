"""MIMIC-IV 2.2 and later: 73,181 stays in intensive care of 50,920 patients of one hospital in Boston."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl

from medkd.cohorts.icu.mimic import Mimic
from medkd.data.io.tables import scan_table

_TIME = pl.Datetime("us")


class MIMIC4(Mimic):
    """MIMIC-IV exactly as published, whole or demo: the folders ``hosp/``, ``icu/`` and, where it exists, ``note/``.

    A sample is a stay of an adult; age is the anchor's plus the years since, and those above 89 are 90. Death is
    ``hospital_expire_flag``, its time ``deathtime``. Of the demo's 140 stays 117 are samples of mortality_24h (14
    deaths) and of length_of_stay, 74 of mortality_48h (12 deaths); decompensation has 3,013 samples (63 positive).

    Source: Johnson et al. 2023, doi:10.1038/s41597-022-01899-x; data doi:10.13026/6mm1-ek67, demo
    doi:10.13026/dp1f-ex47.
    """

    name: ClassVar[str] = "mimic4"
    marker: ClassVar[str] = "icu/icustays.csv.gz"
    licence: ClassVar[str] = "PhysioNet Credentialed Health Data License 1.5.0; the demo: ODbL 1.0"
    # Published separately, as mimic-iv-note, and looked for below the root.
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {**Mimic.tables, "notes": ("discharge", "radiology")}
    stay_id: ClassVar[str] = "stay_id"
    birth: ClassVar[Mapping[str, Any]] = {"anchor_age": pl.Float64, "anchor_year": pl.Int64}
    age: ClassVar[pl.Expr] = pl.col("anchor_age") + pl.col("intime").dt.year() - pl.col("anchor_year")

    def diagnoses(self) -> pl.LazyFrame:
        """ICD-9 and ICD-10 codes."""
        columns = {"hadm_id": pl.Int64, "icd_code": pl.String, "icd_version": pl.String}
        table = scan_table(self.root, "diagnoses_icd", columns).drop_nulls()
        return table.select(
            "hadm_id", variable=pl.format("ICD{}:{}", "icd_version", pl.col("icd_code").str.strip_chars())
        )

    def notes(self, table: str) -> pl.LazyFrame:
        """Texts at their ``charttime``; a discharge summary's has no hour, so it is known at the end of that day."""
        rows = scan_table(self.root, table, {"hadm_id": pl.Int64, "charttime": _TIME, "text": pl.String})
        time = pl.col("charttime")
        return rows.with_columns(
            pl.when(time.dt.time() == pl.time(0, 0)).then(time.dt.offset_by("1d")).otherwise(time).alias("known")
        )
