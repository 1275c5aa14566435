"""eICU Collaborative Research Database 2.0: 200,859 stays in the intensive care units of 208 hospitals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from medkd.cohorts.icu.derived_variables import oxygen_fraction
from medkd.cohorts.icu.icu_cohort import IcuCohort
from medkd.cohorts.icu.items import STATED, Items, as_variables, items_in
from medkd.cohorts.icu.stay_hours import belongs_to_stay
from medkd.data.core.cohort import Extract
from medkd.data.core.sample import Exclusion
from medkd.data.io.tables import find_table, scan_table

ITEMS = Path(__file__).with_name("items.yaml")
STAY = "patientunitstayid"
LONG = {
    "nurseCharting": ("nursingchartoffset", "nursingchartcelltypevalname", "nursingchartvalue"),
    "lab": ("labresultoffset", "labname", "labresult"),
    "intakeOutput": ("intakeoutputoffset", "celllabel", "cellvaluenumeric"),
}
"""Tables of one row per value: their columns of minutes, item and value."""
UNITS = {"lab": "labmeasurenamesystem"}
"""Table → its column of units; that of the laboratory's own interface is another, and its values were converted."""
SUBSET = "_subset"
"""Ending of the name of a table that was cut to some stays, as in the copy that our tests read."""
ICD9 = r"^(\d|V\d|E\d{3})"
"""ICD-9 codes begin with a digit, with V, or with E and three digits; ICD-10 has E and two."""


class EICU(IcuCohort):
    """eICU exactly as published, whole or demo.

    Needed is ``patient``; ``vitalPeriodic``, ``nurseCharting``, ``lab`` and others are used where they exist. A sample
    is a unit stay of an adult; a site is a hospital. Age "> 89" is 90. Death is ``hospitaldischargestatus`` Expired, or
    ``unitdischargestatus``; its time is that of leaving the unit or the hospital. Minutes count from admission to the
    unit. Of the demo's 2,520 stays 1,605 are samples of mortality_24h (145 deaths), 920 of mortality_48h (108 deaths),
    1,625 of length_of_stay; decompensation has 34,939 samples (631 positive).

    Source: Pollard et al. 2018, doi:10.1038/sdata.2018.178; data doi:10.13026/C2WM1R, demo doi:10.13026/4mxk-na84.
    """

    name: ClassVar[str] = "eicu"
    marker: ClassVar[str] = "patient.csv.gz"
    licence: ClassVar[str] = "PhysioNet Credentialed Health Data License 1.5.0; the demo: ODbL 1.0"
    stays_table: ClassVar[str] = "patient"
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **{modality: tuple(tables) for modality, tables in items_in(ITEMS).items()},
        "codes": ("diagnosis",),
        "notes": ("note",),
    }

    def has(self, table: str) -> bool:
        """Whether the table, or a subset of it, exists."""
        return super().has(table) or super().has(table + SUBSET)

    def stays(self) -> pl.DataFrame:
        """Every unit stay as published."""
        return self._stays

    @cached_property
    def _stays(self) -> pl.DataFrame:
        text = ("uniquepid", "gender", "age", "hospitalid", "hospitaldischargestatus", "unitdischargestatus")
        numbers = ("hospitaldischargeoffset", "unitdischargeoffset")
        table = scan_table(
            self.root,
            "patient",
            {STAY: pl.Int64, **dict.fromkeys(text, pl.String), **dict.fromkeys(numbers, pl.Float64)},
        )
        in_unit, in_hospital = (pl.col(f"{unit}dischargestatus") == "Expired" for unit in ("unit", "hospital"))
        leaves_unit, leaves_hospital = (pl.col(f"{unit}dischargeoffset") / 60 for unit in ("unit", "hospital"))
        return table.select(
            pl.col(STAY).cast(pl.String).alias("series"),
            pl.col("uniquepid").alias("subject_id"),
            pl.when(pl.col("age").str.contains(">"))
            .then(90.0)
            .otherwise(pl.col("age").cast(pl.Float64, strict=False))
            .alias("age"),
            pl.col("gender")
            .replace_strict({"Female": "female", "Male": "male"}, default=None, return_dtype=pl.String)
            .alias("sex"),
            pl.col("hospitalid").alias("site"),
            leaves_unit.alias("length"),
            leaves_hospital.alias("discharge"),
            pl.when(in_unit.fill_null(False)).then(1.0).otherwise(in_hospital.cast(pl.Float64)).alias("died"),
            pl.when(in_unit).then(leaves_unit).when(in_hospital).then(leaves_hospital).alias("death"),
            STAY,
        ).collect()

    def charted(self, modality: str) -> pl.LazyFrame | None:
        """Published values, codes or texts of one modality."""
        tables = [table for table in self.tables[modality] if self.has(table)]
        if not tables:
            return None
        if modality == "codes":
            return self._codes()
        if modality == "notes":
            return self._notes()
        items = items_in(ITEMS)[modality]
        return pl.concat([self._values(table, items[table]) for table in tables]).with_columns(oxygen_fraction())

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """As any cohort of stays; each table of which only a subset exists is named, with a count of 0."""
        extract = super().extract(samples, folder, wanted)
        subsets = [
            Exclusion(f"{modality}: a part of table {table} only", 0)
            for modality, tables in self.tables.items()
            for table in tables
            if self._published(table) != table
        ]
        return replace(extract, aside=(*subsets, *extract.aside))

    def _published(self, table: str) -> str:
        return table + SUBSET if find_table(self.root, table) is None and super().has(table + SUBSET) else table

    def _values(self, table: str, items: Items) -> pl.LazyFrame:
        if table in LONG:
            minutes, item, value = LONG[table]
            columns: dict[str, Any] = {STAY: pl.Int64, minutes: pl.Float64, item: pl.String, value: pl.Float64}
            unit = UNITS.get(table)
            columns |= {unit: pl.String} if unit else {}
            published = scan_table(self.root, self._published(table), columns, optional=(unit,) if unit else ())
            rows = as_variables(published.rename({unit: STATED} if unit else {}), item, items)
        else:
            minutes, value = "observationoffset", "value"
            wide = dict.fromkeys(map(str, items), pl.Float64)
            # Values in the table of patients were measured at admission.
            timed = table != "patient"
            published = scan_table(
                self.root, table, {STAY: pl.Int64, **({minutes: pl.Float64} if timed else {}), **wide}
            )
            published = published if timed else published.with_columns(pl.lit(0.0).alias(minutes))
            rows = as_variables(
                published.unpivot(list(wide), index=[STAY, minutes], variable_name="item").drop_nulls(value),
                "item",
                items,
            )
        return self._in_stays(rows.with_columns(pl.col(value).alias("value")), minutes).select(
            "series", "hours", "variable", "value", "unit"
        )

    def _in_stays(self, rows: pl.LazyFrame, minutes: str) -> pl.LazyFrame:
        """Rows during their stay, with its ``series`` and their ``hours``; rows at other times are left out."""
        stays = self._stays.lazy().select(STAY, "series", "length")
        return rows.with_columns((pl.col(minutes) / 60).alias("hours")).join(stays, on=STAY).filter(belongs_to_stay())

    def _codes(self) -> pl.LazyFrame:
        """Codes as they were entered during the stay: those of eICU are not billing codes."""
        table = scan_table(
            self.root, "diagnosis", {STAY: pl.Int64, "diagnosisoffset": pl.Float64, "icd9code": pl.String}
        )
        return self._in_stays(split_codes(table, "icd9code"), "diagnosisoffset").select("series", "hours", "variable")

    def _notes(self) -> pl.LazyFrame:
        """Each line of a structured note, at the time of its entry."""
        columns = {
            "noteoffset": pl.Float64,
            "noteenteredoffset": pl.Float64,
            "notepath": pl.String,
            "notetext": pl.String,
        }
        table = scan_table(self.root, "note", {STAY: pl.Int64, **columns})
        known = table.with_columns(
            pl.max_horizontal("noteoffset", "noteenteredoffset").alias("known"),
            pl.concat_str(
                pl.col("notepath").str.strip_prefix("notes/"), "notetext", separator=": ", ignore_nulls=True
            ).alias("text"),
        )
        return self._in_stays(known, "known").select("series", "hours", "text")


def split_codes(table: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """One row per code of a cell that lists several; ``variable`` is the code without its dot, after its system.

    >>> table = pl.LazyFrame({"stay": [1, 2, 3], "icd9code": ["401.9, I10", "E878.8", None]})
    >>> split_codes(table, "icd9code").collect().rows()
    [(1, 'ICD9:4019'), (1, 'ICD10:I10'), (2, 'ICD9:E8788')]
    """
    code = pl.col("variable")
    system = pl.when(code.str.contains(ICD9)).then(pl.lit("ICD9:")).otherwise(pl.lit("ICD10:"))
    return (
        table.with_columns(pl.col(column).str.split(",").alias("variable"))
        .drop(column)
        .explode("variable")
        .with_columns(code.str.strip_chars().str.to_uppercase())
        .filter(code.is_not_null() & (code != ""))
        .with_columns((system + code.str.replace_all(".", "", literal=True)).alias("variable"))
    )
