"""Synthetic stays in intensive care in MIMIC-IV's own layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.cohorts.demo_icu.layout import ADMISSION, STAY, SUBJECT, YEAR, moment, write_table
from medkd.cohorts.demo_icu.measurements import levels, measured_values
from medkd.cohorts.demo_icu.reports import reports, summaries
from medkd.cohorts.demo_icu.stays import Array, Stays, admitted, seen
from medkd.cohorts.demo_icu.syndromes import BACKGROUND, GRAVE, LABS, SYNDROMES, VITALS, MeasuredVariable
from medkd.cohorts.mimic4 import MIMIC4
from medkd.data.core.modality import Modality
from medkd.data.io.atomic import written_once
from medkd.errors import InputError

HOURS = 48
"""Hours of a stay that are charted, at most."""
MISSING = 0.15
"""Share of vital signs that are not charted."""
ROWS = 250_000
"""Rows that are made at once."""


@dataclasses.dataclass(frozen=True)
class _Settings:
    subjects: int
    seed: int
    vitals: float
    labs: float
    notes: float
    labs_per_stay: int
    revision: int = 1


class DemoICU(MIMIC4):
    """A synthetic cohort that MIMIC-IV's own code reads. Nothing in it is a patient's.

    A latent acuity and a few syndromes drive vital signs, laboratory results, notes, codes and death in hospital. Each
    modality shows acuity with noise of its own, at the correlations ``vitals``, ``labs`` and ``notes``. These set the
    gap between a teacher that sees all and a student that sees vital signs.
    """

    name: ClassVar[str] = "demo_icu"
    marker: ClassVar[str] = "demo_icu.json"
    licence: ClassVar[str] = "synthetic, no restriction"

    def modalities(self) -> Mapping[str, Modality]:
        """Those of MIMIC-IV without ``nursing``, of which nothing is synthesised."""
        return {name: modality for name, modality in super().modalities().items() if name != "nursing"}

    @staticmethod
    def synthesise(
        root: Path,
        *,
        subjects: int = 1500,
        seed: int = 0,
        vitals: float = 0.5,
        labs: float = 0.85,
        notes: float = 0.95,
        labs_per_stay: int = 78,
    ) -> Path:
        """Write the cohort to ``root``, the same bytes for the same settings; an existing one is left as it is.

        Args:
            root: a folder that does not exist, is empty, or has another demo in it (which is replaced).
            subjects: people; about one in twenty has a second stay.
            seed: of the generator.
            vitals, labs, notes: correlation of acuity with the acuity that each modality shows, 0 to 1.
            labs_per_stay: rows of ``labevents`` per stay, rounded down to whole draws of 13; for benchmarks thousands.

        Raises:
            InputError: ``root`` has other content, or a setting is out of range.
        """
        settings = _Settings(subjects, seed, vitals, labs, notes, labs_per_stay)
        if subjects < 20 or labs_per_stay < len(LABS) or not all(0 <= share <= 1 for share in (vitals, labs, notes)):
            raise InputError(
                f"subjects {subjects}, vitals {vitals:g}, labs {labs:g}, notes {notes:g}, "
                f"labs_per_stay {labs_per_stay}",
                where="demo_icu",
                remedy=f"Give at least 20 subjects and {len(LABS)} labs_per_stay, and shares from 0 to 1",
            )
        return written_once(root, "demo_icu", settings, lambda folder: _write(folder, settings))


def _write(folder: Path, settings: _Settings) -> None:
    rng = np.random.default_rng(settings.seed)
    stays = admitted(rng, settings.subjects)
    ids = _ids(stays)
    _write_people(folder, stays, ids)
    write_table(folder, "hosp/diagnoses_icd", [_diagnoses(rng, stays, ids)])
    charted = levels(rng, stays, VITALS, seen(rng, stays.acuity, settings.vitals), "vitals")
    write_table(folder, "icu/chartevents", _charted(rng, stays, ids, charted), {"warning": 0})
    measured = levels(rng, stays, LABS, seen(rng, stays.acuity, settings.labs), "labs")
    write_table(
        folder,
        "hosp/labevents",
        _measured(rng, stays, ids, measured, settings.labs_per_stay // len(LABS)),
        {"priority": "ROUTINE"},
    )
    write_table(
        folder,
        "icu/d_items",
        [_items(VITALS)],
        {"linksto": "chartevents", "category": "Routine Vital Signs", "param_type": "Numeric"},
    )
    write_table(folder, "hosp/d_labitems", [_items(LABS)], {"fluid": "Blood", "category": "Chemistry"})
    written = seen(rng, stays.acuity, settings.notes)
    for kind, table, notes in (
        ("RR", "note/radiology", reports(rng, stays, written)),
        ("DS", "note/discharge", summaries(rng, stays, written)),
    ):
        # The time of a summary is its day alone, as published.
        time = moment(pl.col("start") + pl.col("hours"))
        time = time.dt.truncate("1d") if kind == "DS" else time
        rows = notes.join(ids, on="stay").with_columns(
            charttime=time, note_seq=pl.int_range(1, pl.len() + 1).over("subject_id")
        )
        write_table(
            folder,
            table,
            [rows.with_columns(pl.format("{}-{}-{}", "subject_id", pl.lit(kind), "note_seq").alias("note_id"))],
            {"note_type": kind},
        )


def _ids(stays: Stays) -> pl.DataFrame:
    number = np.arange(len(stays))
    return pl.DataFrame(
        {
            "stay": number,
            "subject_id": SUBJECT + 1 + stays.subject,
            "hadm_id": ADMISSION + 1 + number,
            "stay_id": STAY + 1 + number,
            "start": stays.start + 24 * (stays.subject % 300) + 8.0,
        }
    )


def _write_people(folder: Path, stays: Stays, ids: pl.DataFrame) -> None:
    table = ids.with_columns(
        pl.Series("length", stays.length),
        pl.Series("discharge", stays.discharge),
        pl.Series("died", stays.died),
        pl.Series("age", stays.age.astype(np.int64)),
        pl.Series("male", stays.male),
    ).with_columns(
        intime=moment(pl.col("start")),
        outtime=moment(pl.col("start") + pl.col("length")),
        admittime=moment(pl.col("start") - 3),
        dischtime=moment(pl.col("start") + pl.col("discharge")),
        los=pl.col("length") / 24,
    )
    death = pl.when(pl.col("died")).then(pl.col("dischtime"))
    people = table.group_by("subject_id", maintain_order=True).agg(
        pl.when(pl.col("male").first()).then(pl.lit("M")).otherwise(pl.lit("F")).alias("gender"),
        pl.col("age").first().alias("anchor_age"),
        death.max().dt.date().alias("dod"),
    )
    write_table(folder, "hosp/patients", [people], {"anchor_year": YEAR, "anchor_year_group": "2014 - 2016"})
    admissions = table.with_columns(deathtime=death, hospital_expire_flag=pl.col("died").cast(pl.Int64))
    write_table(folder, "hosp/admissions", [admissions], {"admission_type": "EW EMER.", "language": "ENGLISH"})
    unit = "Medical Intensive Care Unit (MICU)"
    write_table(folder, "icu/icustays", [table], {"first_careunit": unit, "last_careunit": unit})


def _diagnoses(rng: np.random.Generator, stays: Stays, ids: pl.DataFrame) -> pl.DataFrame:
    """Codes of the syndromes, of unrelated conditions, and of the most severely ill."""
    rows = []
    for stay in range(len(stays)):
        version = int(stays.version[stay])
        codes: list[str] = []
        for syndrome, severity in zip(SYNDROMES.values(), stays.severity[stay], strict=True):
            published = syndrome.icd9 if version == 9 else syndrome.icd10
            codes += [published[0], *(code for code in published[1:] if rng.uniform() < 0.35)] if severity else []
        codes += map(str, rng.choice(BACKGROUND[version], rng.integers(2, 6), replace=False))
        codes += (
            [code for code in GRAVE[version] if rng.uniform() < 0.5]
            if stays.acuity[stay] + rng.standard_normal() / 2 > 1.3
            else []
        )
        rows += [(stay, number, code, version) for number, code in enumerate(codes, 1)]
    schema = {"stay": pl.Int64, "seq_num": pl.Int64, "icd_code": pl.String, "icd_version": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").join(ids, on="stay", maintain_order="left")


def _charted(rng: np.random.Generator, stays: Stays, ids: pl.DataFrame, level: Array) -> Iterator[pl.DataFrame]:
    """Vital signs every hour, some of them missing."""
    for chunk in _chunks(len(stays), HOURS * len(VITALS)):
        hours = np.minimum(stays.length[chunk], HOURS).astype(np.int64)
        stay = np.repeat(chunk, hours)
        hour = np.concatenate([np.arange(count) for count in hours])
        at = hour + rng.uniform(0, 1, len(hour))
        rows = _rows(rng, stay, np.minimum(at, stays.length[stay]), VITALS, level, MISSING)
        yield rows.join(ids, on="stay", maintain_order="left").with_columns(
            charttime=moment(pl.col("start") + pl.col("hours"))
        )


def _measured(
    rng: np.random.Generator, stays: Stays, ids: pl.DataFrame, level: Array, draws: int
) -> Iterator[pl.DataFrame]:
    """``draws`` of blood, evenly over the first two days or the stay if it is shorter."""
    count = 0
    for chunk in _chunks(len(stays), draws * len(LABS)):
        stay = np.repeat(chunk, draws)
        draw = np.tile(np.arange(draws), len(chunk)) + rng.uniform(0, 1, len(stay))
        rows = _rows(rng, stay, draw / draws * np.minimum(stays.length[stay], HOURS), LABS, level, 0.0)
        yield rows.join(ids, on="stay", maintain_order="left").with_columns(
            charttime=moment(pl.col("start") + pl.col("hours")),
            storetime=moment(pl.col("start") + pl.col("hours") + 1),
            labevent_id=pl.int_range(count + 1, count + rows.height + 1),
        )
        count += rows.height


def _rows(
    rng: np.random.Generator,
    stay: NDArray[np.int64],
    hours: Array,
    variables: Mapping[str, MeasuredVariable],
    level: Array,
    missing: float,
) -> pl.DataFrame:
    """One row per value: all variables at each of these moments, without the share that is missing."""
    kinds = list(variables.values())
    rows = pl.DataFrame(
        {
            "stay": np.repeat(stay, len(kinds)),
            "hours": np.repeat(hours, len(kinds)),
            "variable": np.tile(np.arange(len(kinds)), len(stay)),
        }
    )
    if missing:
        rows = rows.filter(pl.Series(rng.uniform(size=rows.height) >= missing))
    value = pl.Series("valuenum", measured_values(rng, level, variables, rows["stay"], rows["variable"]))
    return rows.with_columns(
        value,
        value.cast(pl.String).alias("value"),
        pl.Series("itemid", np.array([kind.item for kind in kinds])[rows["variable"]]),
        pl.col("variable")
        .replace_strict(dict(enumerate(kind.unit for kind in kinds)), return_dtype=pl.String)
        .alias("valueuom"),
    )


def _items(variables: Mapping[str, MeasuredVariable]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "itemid": [variable.item for variable in variables.values()],
            "label": [variable.label for variable in variables.values()],
            "unitname": [variable.unit for variable in variables.values()],
        }
    )


def _chunks(stays: int, rows: int) -> Iterator[NDArray[np.int64]]:
    size = max(ROWS // rows, 1)
    for start in range(0, stays, size):
        yield np.arange(start, min(start + size, stays))
