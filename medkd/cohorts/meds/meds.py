"""Medical Event Data Standard (MEDS): any data set of subjects, times, codes and numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import polars as pl

from medkd.cohorts.icu.derived_variables import EVENT_COLUMNS, age_and_sex, coma_scale, oxygen_fraction
from medkd.cohorts.icu.exclusions import exclude, usable_stays
from medkd.cohorts.icu.items import STATED, as_variables
from medkd.cohorts.icu.stay_hours import hours_between
from medkd.cohorts.icu.targets import DECOMPENSATION_EVERY, in_hospital_mortality
from medkd.cohorts.meds.admissions import ADMISSION, DEATH, DISCHARGE, YEAR, admissions, kind_of
from medkd.cohorts.meds.codes import codes_for, resolved
from medkd.cohorts.meds.labels import SEEN, label_files, label_target, labelled
from medkd.cohorts.meds.reading import METADATA, event_files, official_folds, readable, scan_meds
from medkd.data.core.cohort import Extract, OfficialFolds
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.data.events.event_cohort import EventCohort
from medkd.data.io.load import read_table
from medkd.errors import InputError
from medkd.modalities.codes import Codes
from medkd.modalities.labs import Labs
from medkd.modalities.nursing import Nursing
from medkd.modalities.vitals import Vitals

BACK, AHEAD = 144, 48
"""Hours before and after a sample's time zero whose events are extracted.

That is a week before the prediction, and a day after it for a teacher.
"""
CODED = 30 * 24
"""Hours after time zero up to which codes of diagnoses are extracted: they follow at discharge."""
DIAGNOSIS = "DIAGNOSIS//ICD"
MORTALITY = Target(
    "mortality_24h",
    "binary",
    ("label",),
    ("death in hospital",),
    rule=f"adults in hospital and alive {SEEN} h after {ADMISSION}; "
    f"positive: {DEATH} not later than the day of the next {DISCHARGE}",
    prediction_hour=SEEN,
)


class MEDS(EventCohort):
    """Any data set in MEDS: ``data/**/*.parquet`` (or Parquet files in the root).

    Columns are ``subject_id, time, code, numeric_value``. A target is a folder ``labels/NAME`` in MEDS's label schema;
    a sample is one of its rows, with time zero a day before ``prediction_time``. Without labels there is one target,
    ``mortality_24h``: its samples are hospital admissions, asked after a day. Of the 275 in MIMIC-IV's demo 244 are
    samples (14 deaths). ``metadata/subject_splits.parquet`` gives the official folds. ``codes.yaml`` in the root says
    which codes are which variables (see ``medkd.cohorts.meds.codes``); without it codes are taken for those of
    MIMIC-IV's conversion, ``LAB//itemid//unit``. A unit in a code, or in a column ``unit``, is that of its values.

    Source: Medical Event Data Standard 0.4, github.com/Medical-Event-Data-Standard/meds.
    """

    name: ClassVar[str] = "meds"
    marker: ClassVar[str] = METADATA
    default_target: ClassVar[str] = MORTALITY.key
    official_folds: ClassVar[OfficialFolds | None] = OfficialFolds(test=(2,), validation=(1,))
    licence: ClassVar[str] = "that of the data set"

    def __init__(self, root: Path) -> None:
        # Not the base class's check of one marker file: the metadata may be missing where the events are complete.
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(
                f"no such folder: {self.root}", where="--root", remedy="Give the folder that holds data/**/*.parquet"
            )
        if not event_files(self.root):
            raise InputError(
                f"{self.root} holds no data/**/*.parquet",
                where=f"cohort {self.name}",
                remedy="Give the data set's own folder",
            )

    @property
    def default_protocol(self) -> str:
        """The official folds where they are published, else k-fold 5 by subject."""
        return "kfold:5" if official_folds(self.root) is None else "official"

    def targets(self) -> Mapping[str, Target]:
        """A target for each folder of labels; without labels, mortality of admissions."""
        return {name: label_target(self.root, name) for name in label_files(self.root)} or {MORTALITY.key: MORTALITY}

    def target(self, key: str | None) -> Target:
        """The target of that key, or the first."""
        return super().target(next(iter(self.targets())) if key is None else key)

    def modalities(self) -> Mapping[str, Modality]:
        """``vitals`` (at least age and sex), and ``labs``, ``nursing``, ``codes`` where a code of theirs is known."""
        known: tuple[Modality, ...] = (Vitals(), Labs(), Nursing(), Codes())
        diagnosed = any(code.startswith(f"{DIAGNOSIS}//") for code in self._codes)
        names = {"vitals"} | {modality.name for modality in known if self._variables(modality.name)}
        names |= {"codes"} if diagnosed else set()
        return {modality.name: modality for modality in known if modality.name in names}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per label, or per admission; ``time`` is that of the prediction."""
        if label_files(self.root):
            table, excluded = labelled(self.root, target.key)
            table = self._described(table, "time")
        else:
            stays = self._described(self._admissions, "start")
            usable, excluded = usable_stays(stays.with_columns(pl.col("sample_id").alias("series")))
            table, more = in_hospital_mortality(usable, SEEN)
            excluded += more
            table = table.with_columns(
                pl.col("mortality").alias("label"), pl.col("start").dt.offset_by(f"{SEEN}h").alias("time")
            )
        folds = official_folds(self.root)
        if folds is not None:
            table = table.join(folds, on="subject_id", how="left", maintain_order="left")
            table, more = exclude(
                table, {"subject in no part of the published split": pl.col("official_fold").is_null()}
            )
            excluded += more
        fold = () if folds is None else ("official_fold",)
        series = pl.col("sample_id").alias("series")
        return table.select(
            "sample_id", pl.col("subject_id").cast(pl.String), series, "time", "age", "sex", *fold, "label"
        ), excluded

    def events(self, modality: str, samples: pl.DataFrame) -> pl.LazyFrame | None:
        """Published values of each sample, from a week before its prediction to a day after.

        Vital signs together with age and sex.
        """
        zeros = samples.lazy().select(
            "series", pl.col("subject_id").cast(pl.Int64), (pl.col("time").dt.offset_by(f"-{SEEN}h")).alias("zero")
        )
        if modality == "codes":
            return self._near(self._diagnoses(), zeros, CODED).select("series", "hours", "variable")
        variables = self._variables(modality) if modality in self.modalities() else {}
        parts: list[pl.LazyFrame] = []
        if variables:
            rows = as_variables(self._events.rename({"numeric_value": "value", "unit": STATED}), "code", variables)
            values = self._near(rows, zeros, AHEAD).with_columns(oxygen_fraction()).select(EVENT_COLUMNS)
            parts.append(coma_scale(values) if modality == "nursing" else values)
        if modality == "vitals":
            parts.append(age_and_sex(samples, DECOMPENSATION_EVERY).select(EVENT_COLUMNS))
        return pl.concat(parts) if parts else None

    def extract(self, samples: pl.DataFrame, folder: Path, wanted: Collection[str] | None = None) -> Extract:
        """As any cohort of events; departures from the standard are named, with a count of 0."""
        with readable(self.root):
            extract = super().extract(samples, folder, wanted)
        return replace(extract, aside=(*(Exclusion(line, 0) for line in self._scanned[1]), *extract.aside))

    @cached_property
    def _scanned(self) -> tuple[pl.LazyFrame, tuple[str, ...]]:
        return scan_meds(self.root)

    @property
    def _events(self) -> pl.LazyFrame:
        return self._scanned[0]

    @cached_property
    def _codes(self) -> list[str]:
        """Every code; ``metadata/codes.parquet``, where it exists, lists them all by the standard."""
        listed = self.root / "metadata" / "codes.parquet"
        table = read_table(listed).lazy() if listed.is_file() else self._events
        with readable(self.root):
            codes = table.select(pl.col("code").cast(pl.String)).unique().collect(engine="streaming")["code"]
        # In a fixed order, so that the first of two equal codes is always the same.
        return codes.drop_nulls().sort().to_list()

    def _variables(self, modality: str) -> dict[int | str, str]:
        return resolved(self._codes, codes_for(self.root).get(modality, {}))

    @staticmethod
    def _near(rows: pl.LazyFrame, zeros: pl.LazyFrame, ahead: int) -> pl.LazyFrame:
        """Rows once per sample of their subject, with hours from its time zero: ``-BACK`` up to ``ahead``."""
        hours = pl.col("hours")
        near = (hours >= -BACK) & (hours < ahead)
        return rows.join(zeros, on="subject_id").with_columns(hours_between("zero", "time").alias("hours")).filter(near)

    def _diagnoses(self) -> pl.LazyFrame:
        """Codes ``DIAGNOSIS//ICD//9//4280`` as ``ICD9:4280``; in MIMIC-IV's conversion at the time of discharge."""
        parts = pl.col("code").str.split("//")
        named = pl.format("ICD{}:{}", parts.list.get(2, null_on_oob=True), parts.list.get(3, null_on_oob=True))
        return self._events.filter(kind_of(DIAGNOSIS)).with_columns(named.alias("variable"))

    @cached_property
    def _people(self) -> pl.DataFrame:
        """``subject_id``, ``born``, ``sex``."""
        born = kind_of("MEDS_BIRTH")
        demographics = self._events.filter(kind_of("MEDS_BIRTH", "GENDER", "SEX")).with_columns(
            pl.when(born).then(pl.col("time")).alias("born"),
            pl.col("code")
            .str.to_lowercase()
            .str.split("//")
            .list.last()
            .replace_strict(
                {"f": "female", "female": "female", "m": "male", "male": "male"}, default=None, return_dtype=pl.String
            )
            .alias("sex"),
        )
        people = demographics.group_by("subject_id").agg(pl.col("born").min(), pl.col("sex").drop_nulls().first())
        with readable(self.root):
            return people.collect(engine="streaming")

    @cached_property
    def _admissions(self) -> pl.DataFrame:
        wanted = self._events.filter(kind_of(ADMISSION, DISCHARGE, DEATH)).select("subject_id", "time", "code")
        with readable(self.root):
            table = admissions(wanted.collect(engine="streaming"))
        if table.is_empty():
            raise InputError(
                f"has neither labels nor a code {ADMISSION}",
                where=self.root,
                remedy="Put labels in MEDS's schema below labels/NAME",
            )
        return table

    def _described(self, table: pl.DataFrame, at: str) -> pl.DataFrame:
        """With ``sample_id``, and the subject's ``age`` and ``sex`` at that time."""
        return table.join(self._people, on="subject_id", how="left", maintain_order="left").with_columns(
            pl.format("{}-{}", "subject_id", pl.col(at).dt.strftime("%Y-%m-%dT%H:%M:%S")).alias("sample_id"),
            (hours_between("born", at) / YEAR).clip(upper_bound=90.0).alias("age"),
        )
