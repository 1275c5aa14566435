"""Cohorts whose samples are stays in intensive care."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.cohorts.icu.derived_variables import EVENT_COLUMNS, age_and_sex
from medkd.cohorts.icu.exclusions import usable_stays
from medkd.cohorts.icu.targets import (
    DECOMPENSATION,
    DECOMPENSATION_EVERY,
    LENGTH_OF_STAY,
    decompensation,
    in_hospital_mortality,
    length_of_stay,
    mortality_target,
)
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

MORTALITY_HOURS = (24, 48)
"""Hours of the stay at which mortality is predicted."""
Rule = Callable[[pl.DataFrame], tuple[pl.DataFrame, list[Exclusion]]]


class IcuCohort(EventCohort):
    """Stays in intensive care, with the same targets and modalities wherever the stays come from.

    Args:
        root: the data set's folder; its tables may be in folders or archives below it.

    Raises:
        InputError: the folder, or the table of stays in it, is missing.
    """

    default_target: ClassVar[str] = "mortality_24h"
    stays_table: ClassVar[str]
    """Name of the table of stays, without which nothing can be built."""
    tables: ClassVar[Mapping[str, tuple[str, ...]]]
    """Modality → the published tables with its values."""

    def __init__(self, root: Path) -> None:
        # Not the base class's check of one marker file: a table may be plain, compressed or archived, in either case.
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
        """Every stay as published, in the columns of ``medkd.cohorts.icu.exclusions.STAY_COLUMNS``.

        Raises:
            InputError: a table is missing, or a column of it.
        """

    @abstractmethod
    def charted(self, modality: str) -> pl.LazyFrame | None:
        """Published values of one modality: ``series``, ``hours``, ``variable``, ``value``, ``unit``.

        For ``codes`` the last three are one ``variable``, the code after its system (``ICD9:4280``); for ``notes`` they
        are one ``text``. None where the modality's tables are missing.
        """

    def has(self, table: str) -> bool:
        """Whether the table exists below the root."""
        return find_table(self.root, table) is not None

    def targets(self) -> Mapping[str, Target]:
        """Mortality at 24 and 48 h, length of stay, decompensation."""
        return {
            target.key: target for target in (*map(mortality_target, MORTALITY_HOURS), LENGTH_OF_STAY, DECOMPENSATION)
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``vitals`` (at least age and sex), and ``labs``, ``nursing``, ``codes`` and ``notes`` where published."""
        known: tuple[Modality, ...] = (Vitals(), Labs(), Nursing(), Codes(), Notes())
        return {
            modality.name: modality
            for modality in known
            if modality.name == "vitals" or set(self.tables[modality.name]) - set(self._missing_tables)
        }

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per stay, for decompensation one every four hours; see each target's rule."""
        rules: dict[str, Rule] = {
            mortality_target(hour).key: partial(in_hospital_mortality, hour=hour) for hour in MORTALITY_HOURS
        }
        rules |= {LENGTH_OF_STAY.key: length_of_stay, DECOMPENSATION.key: decompensation}
        stays, unusable = usable_stays(self.stays())
        table, excluded = rules[target.key](stays)
        if "sample_id" not in table.columns:
            table = table.with_columns(pl.col("series").alias("sample_id"))
        zero = ("zero_hour",) if "zero_hour" in table.columns else ()
        return table.select(
            "sample_id", "subject_id", "series", *zero, "age", "sex", "site", *target.columns
        ), unusable + excluded

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Published values; vital signs together with age and sex."""
        charted = self.charted(modality)
        if modality != "vitals":
            return charted
        constant = age_and_sex(samples, DECOMPENSATION_EVERY)
        return pl.concat([events.select(EVENT_COLUMNS) for events in (charted, constant) if events is not None])

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """As any cohort of events; each missing table is named with its modality, and a count of 0."""
        extract = super().extract(samples, folder, wanted)
        missing = [
            Exclusion(f"{modality}: {self._missing_tables[table]}", 0)
            for modality, tables in self.tables.items()
            for table in tables
            if table in self._missing_tables
        ]
        return replace(extract, aside=(*missing, *extract.aside))

    @cached_property
    def _missing_tables(self) -> dict[str, str]:
        """Table → why nothing can be read from it; tables of notes, which demos publish without rows, may be empty."""
        tables = {table for tables in self.tables.values() for table in tables}
        missing = {table: f"no table {table}" for table in tables if not self.has(table)}
        empty = [
            table
            for table in self.tables["notes"]
            if table not in missing and scan_table(self.root, table).head(1).collect().is_empty()
        ]
        return missing | {table: f"table {table} is empty" for table in empty}
