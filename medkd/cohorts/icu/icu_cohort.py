"""A cohort whose samples are stays in intensive care."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.cohorts.icu.age_and_sex import age_and_sex
from medkd.cohorts.icu.decompensation import DECOMPENSATION, EVERY, decompensation
from medkd.cohorts.icu.length_of_stay import LENGTH_OF_STAY, length_of_stay
from medkd.cohorts.icu.mortality import in_hospital_mortality, mortality_target
from medkd.cohorts.icu.stays import usable_stays
from medkd.data.core.cohort import Extract
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.events.event_cohort import EventCohort
from medkd.data.io.tables import find_table, scan_table
from medkd.errors import InputError
from medkd.modalities.codes import Codes
from medkd.modalities.labs import Labs
from medkd.modalities.notes import Notes
from medkd.modalities.nursing import Nursing
from medkd.modalities.vitals import Vitals

HOURS = (24, 48)
"""When mortality is asked."""
Rule = Callable[[pl.DataFrame], tuple[pl.DataFrame, list[Exclusion]]]


class IcuCohort(EventCohort):
    """Stays in intensive care: the rules of the targets and the modalities are the same wherever the stays come from.

    Args:
        root: the data set's folder; its tables may lie in folders or archives below it.

    Raises:
        InputError: there is no such folder, or no table of stays in it.
    """

    default_target: ClassVar[str] = "mortality_24h"
    stays_table: ClassVar[str]
    """The table without which nothing can be built."""
    tables: ClassVar[Mapping[str, tuple[str, ...]]]
    """Modality → the published tables that hold it."""

    def __init__(self, root: Path) -> None:
        # Not the base's check of one marker file: a table may be plain, compressed, in an archive, and of either case.
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(
                f"no such folder: {self.root}", where="--root", remedy=f"Give the folder that holds {self.marker}"
            )
        if not self.has(self.stays_table):
            raise InputError(
                f"{self.root} holds no table {self.stays_table}",
                where=f"cohort {self.name}",
                remedy="Give the data set's own folder with --root",
            )

    @abstractmethod
    def stays(self) -> pl.DataFrame:
        """Every stay as published, in the columns of ``medkd.cohorts.icu.stays.STAY``.

        Raises:
            InputError: a table that this needs is missing, or lacks a column.
        """

    @abstractmethod
    def charted(self, modality: str) -> pl.LazyFrame | None:
        """Published values of one modality: ``series``, ``hours``, ``variable``, ``value``, ``unit``.

        None where no table holds any.

        Of ``codes`` the variable alone, after its system (``ICD9:4280``), in place of all three; of ``notes`` the
        ``text``.
        """

    def has(self, table: str) -> bool:
        """Whether the table is there."""
        return find_table(self.root, table) is not None

    def targets(self) -> Mapping[str, Target]:
        """Mortality at 24 and 48 h, length of stay, decompensation."""
        return {
            target.key: target
            for target in (*(mortality_target(hour) for hour in HOURS), LENGTH_OF_STAY, DECOMPENSATION)
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``vitals``, which holds age and sex in any case.

        And ``labs``, ``nursing``, ``codes`` and ``notes`` where a table holds them.
        """
        known: tuple[Modality, ...] = (Vitals(), Labs(), Nursing(), Codes(), Notes())
        return {
            made.name: made
            for made in known
            if made.name == "vitals" or set(self.tables[made.name]) - set(self._lacking)
        }

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row a stay, or of decompensation one every four hours; the rules stand with each target."""
        rules: dict[str, Rule] = {
            mortality_target(hour).key: partial(in_hospital_mortality, hour=hour) for hour in HOURS
        }
        rules |= {LENGTH_OF_STAY.key: length_of_stay, DECOMPENSATION.key: decompensation}
        stays, unusable = usable_stays(self.stays())
        table, left = rules[target.key](stays)
        if "sample_id" not in table.columns:
            table = table.with_columns(pl.col("series").alias("sample_id"))
        zero = ("zero_hour",) if "zero_hour" in table.columns else ()
        return table.select(
            "sample_id", "subject_id", "series", *zero, "age", "sex", "site", *target.columns
        ), unusable + left

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Published values; those of the vital signs together with age and sex."""
        charted = self.charted(modality)
        if modality != "vitals":
            return charted
        columns = ("series", "hours", "variable", "value", "unit")
        return pl.concat([held.select(columns) for held in (charted, age_and_sex(samples, EVERY)) if held is not None])

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """As any cohort of events; a table that is not there is named with what it would have held."""
        made = super().extract(samples, folder, wanted)
        lacking = [
            Exclusion(f"{modality}: {self._lacking[table]}", 0)
            for modality, tables in self.tables.items()
            for table in tables
            if table in self._lacking
        ]
        return replace(made, aside=(*lacking, *made.aside))

    @cached_property
    def _lacking(self) -> dict[str, str]:
        """Tables that cannot be read, and why not.

        Of notes, which demos publish without a row, the first is looked at.
        """
        named = {table for tables in self.tables.values() for table in tables}
        lacking = {table: f"no table {table}" for table in named if not self.has(table)}
        empty = [
            table
            for table in self.tables["notes"]
            if table not in lacking and scan_table(self.root, table).head(1).collect().is_empty()
        ]
        return lacking | {table: f"table {table} is empty" for table in empty}
