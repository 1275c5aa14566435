"""MIMIC-III and MIMIC-IV: the items and tables that both share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from medkd.cohorts.icu.derived_variables import coma_scale, oxygen_fraction
from medkd.cohorts.icu.icu_cohort import IcuCohort
from medkd.cohorts.icu.items import STATED, as_variables, items_in
from medkd.cohorts.icu.stay_hours import during_stays, hours_between
from medkd.data.io.tables import scan_table

ITEMS = Path(__file__).with_name("mimic_items.yaml")
IDLE = ("Standby", "Other/Remarks")
"""Modes of a ventilator that is not ventilating."""


class Mimic(IcuCohort):
    """Stays of MIMIC-III or MIMIC-IV.

    A value belongs to the stays of its patient into which its ``charttime`` falls, whichever stay it was filed under.
    A laboratory result has the time of drawing, as in most published work on MIMIC; it was known later. Units are those
    of ``valueuom``; where it is empty, those of the item.
    """

    stays_table: ClassVar[str] = "icustays"
    tables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "vitals": ("chartevents",),
        "labs": ("labevents",),
        "nursing": ("chartevents", "outputevents"),
        "codes": ("diagnoses_icd",),
    }
    marked_as_error: ClassVar[Mapping[str, str]] = {}
    """Table → its column that is 1 where a value was marked as an error; such a value is null."""

    stay_id: ClassVar[str]
    """Column of a stay's id."""
    birth: ClassVar[Mapping[str, Any]]
    """Columns of ``patients`` from which age is computed, and their types."""
    age: ClassVar[pl.Expr]
    """Years at ``intime``, from those columns."""

    @cached_property
    def _stays(self) -> pl.DataFrame:
        """``STAY_COLUMNS``, and ``subject``, ``hadm_id`` (integers), ``start`` (time)."""
        number, time = pl.Int64, pl.Datetime("us")
        ids = {"subject_id": number, "hadm_id": number, self.stay_id: number}
        stays = scan_table(self.root, "icustays", {**ids, "first_careunit": pl.String, "intime": time, "outtime": time})
        ends = {"hadm_id": number, "dischtime": time, "deathtime": time, "hospital_expire_flag": pl.Float64}
        admissions = scan_table(self.root, "admissions", ends).unique("hadm_id", keep="first", maintain_order=True)
        people = scan_table(self.root, "patients", {"subject_id": number, "gender": pl.String, **self.birth})
        people = people.unique("subject_id", keep="first", maintain_order=True)
        died = pl.col("hospital_expire_flag") == 1
        return (
            stays.join(admissions, on="hadm_id", how="left", maintain_order="left")
            .join(people, on="subject_id", how="left", maintain_order="left")
            # A few of those who died are discharged at midnight before their death.
            .with_columns(pl.max_horizontal("dischtime", pl.when(died).then(pl.col("deathtime"))).alias("dischtime"))
            .with_columns(pl.when(died).then(pl.coalesce("deathtime", "dischtime")).alias("deathtime"))
            .select(
                pl.col(self.stay_id).cast(pl.String).alias("series"),
                pl.col("subject_id").cast(pl.String),
                self.age.clip(upper_bound=90.0).alias("age"),
                pl.col("gender")
                .replace_strict({"F": "female", "M": "male"}, default=None, return_dtype=pl.String)
                .alias("sex"),
                pl.col("first_careunit").alias("site"),
                hours_between("intime", "outtime").alias("length"),
                hours_between("intime", "dischtime").alias("discharge"),
                pl.col("hospital_expire_flag").alias("died"),
                hours_between("intime", "deathtime").alias("death"),
                pl.col("subject_id").alias("subject"),
                "hadm_id",
                pl.col("intime").alias("start"),
            )
            .collect()
        )

    def stays(self) -> pl.DataFrame:
        """Every stay as published."""
        return self._stays

    def charted(self, modality: str) -> pl.LazyFrame | None:
        """Published values, codes or texts of one modality."""
        tables = [table for table in self.tables[modality] if self.has(table)]
        if not tables:
            return None
        if modality == "codes":
            return self._codes()
        if modality == "notes":
            return self._notes(tables)
        values = pl.concat([self._values(table, modality) for table in tables])
        return coma_scale(values.with_columns(oxygen_fraction())) if modality == "nursing" else values

    @abstractmethod
    def diagnoses(self) -> pl.LazyFrame:
        """``hadm_id`` and ``variable``, the code after its system: ``ICD9:4280``."""

    @abstractmethod
    def notes(self, table: str) -> pl.LazyFrame:
        """``hadm_id``, ``known`` (the time from which a text can be read) and ``text``."""

    def _notes(self, tables: Sequence[str]) -> pl.LazyFrame:
        """Texts of each admission, once per stay of it."""
        stays = self._stays.lazy().select("hadm_id", "series", "start")
        texts = pl.concat([self.notes(table).select("hadm_id", "known", "text") for table in tables])
        return texts.join(stays, on="hadm_id").select("series", hours_between("start", "known").alias("hours"), "text")

    def _codes(self) -> pl.LazyFrame:
        """Codes of each admission at the hour of discharge: they are assigned after it, for billing."""
        stays = self._stays.lazy().select("hadm_id", "series", pl.col("discharge").alias("hours"))
        return self.diagnoses().join(stays, on="hadm_id").select("series", "hours", "variable")

    def _values(self, table: str, modality: str) -> pl.LazyFrame:
        items = items_in(ITEMS)[modality][table]
        number = "value" if table == "outputevents" else "valuenum"
        columns: dict[str, Any] = {
            "subject_id": pl.Int64,
            "charttime": pl.Datetime("us"),
            "itemid": pl.Int64,
            number: pl.Float64,
            "valueuom": pl.String,
        }
        error_column = self.marked_as_error.get(table)
        charted_text = modality == "nursing" and table == "chartevents"
        columns |= {error_column: pl.String} if error_column else {}
        columns |= {"value": pl.String} if charted_text else {}
        subjects = self._stays["subject"].drop_nulls().unique()
        published = scan_table(self.root, table, columns, optional=("valueuom",)).rename({"valueuom": STATED})
        published = published.filter(pl.col("subject_id").is_in(subjects.implode()))
        rows = as_variables(published, "itemid", items)
        value = pl.col(number)
        if charted_text:
            ventilating = pl.when(~pl.col("value").is_in(IDLE)).then(1.0)
            value = pl.when(pl.col("variable") == "ventilated").then(ventilating).otherwise(value)
        if error_column:
            value = pl.when(pl.col(error_column).is_null() | (pl.col(error_column) != "1")).then(value)
        values = rows.select(
            pl.col("subject_id").alias("subject"), "charttime", "variable", value.alias("value"), "unit"
        )
        return during_stays(values, self._stays, "subject", "charttime").select(
            "series", "hours", "variable", "value", "unit"
        )
