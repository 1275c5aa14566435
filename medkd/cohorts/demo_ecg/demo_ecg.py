"""Synthetic twelve-lead ECGs in PTB-XL's own layout."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.cohorts.demo_ecg.diseases import DISEASES, PREVALENCE, afflicted
from medkd.cohorts.demo_ecg.heart import SEEN_BY_I, Array, Hearts, beat_times, dipoles, healthy, leads
from medkd.cohorts.demo_ecg.layout import RATE, filename, write_database, write_record, write_statements
from medkd.cohorts.ptbxl import PTBXL
from medkd.data.io.atomic import written_once
from medkd.errors import InputError

_SECONDS = 10
_CHUNK = 256


@dataclasses.dataclass(frozen=True)
class _Settings:
    subjects: int
    seed: int
    lead_i: float
    variety: float
    noise: float
    revision: int = 2


class DemoECG(PTBXL):
    """A synthetic cohort that PTB-XL's own code reads. Nothing in it is a patient's.

    A cardiac dipole is projected on twelve leads; diagnoses change ST level, QRS width, axis, PR time and rate, at a
    severity of their own. Of their change along the axis of lead I, lead I shows the share ``lead_i``; the other leads
    alone show the rest.
    """

    name: ClassVar[str] = "demo_ecg"
    marker: ClassVar[str] = "demo_ecg.json"
    default_target: ClassVar[str] = "CD"
    licence: ClassVar[str] = "synthetic, no restriction"

    @staticmethod
    def synthesise(
        root: Path,
        *,
        subjects: int = 1500,
        seed: int = 0,
        lead_i: float = 0.4,
        variety: float = 1.0,
        noise: float = 1.0,
    ) -> Path:
        """Write the cohort to ``root``, the same bytes for the same settings; an existing one is left as it is.

        Args:
            root: a folder that does not exist, is empty, or has another demo in it (which is replaced).
            subjects: people; about one in twenty has a second ECG.
            seed: of the generator.
            lead_i: share of a diagnosis' effect that lead I shows, 0 to 1.
            variety: factor on the differences between healthy hearts.
            noise: factor on muscle noise and baseline wander.

        Raises:
            InputError: ``root`` has other content, or a setting is out of range.
        """
        settings = _Settings(subjects, seed, lead_i, variety, noise)
        if subjects < 10 or not 0 <= lead_i <= 1 or variety < 0 or noise < 0:
            raise InputError(
                f"subjects {subjects}, lead_i {lead_i:g}, variety {variety:g}, noise {noise:g}",
                where="demo_ecg",
                remedy="Give at least 10 subjects, lead_i from 0 to 1, variety and noise of at least 0",
            )
        return written_once(root, "demo_ecg", settings, lambda folder: _write(folder, settings))


def _write(folder: Path, settings: _Settings) -> None:
    rng = np.random.default_rng(settings.seed)
    again = rng.choice(settings.subjects, settings.subjects // 20, replace=False)
    subject = np.sort(np.concatenate([np.arange(settings.subjects), again]))
    age = np.clip(60 + 16 * rng.standard_normal(settings.subjects), 18, 95).round()
    hearts = healthy(rng, settings.subjects, age, settings.variety)
    has = _diagnoses(rng, settings.subjects)
    # Bounded to amplitudes of real hearts: one of 30 mV would decide a small training set's statistics.
    severity = np.exp(np.clip(0.9 * rng.standard_normal(has.shape), -2.0, 1.1))
    ill = afflicted(hearts, has, severity)
    for start in range(0, len(subject), _CHUNK):
        rows = subject[start : start + _CHUNK]
        values = _recorded(rng, hearts.rows(rows), ill.rows(rows), settings)
        for number, record in enumerate(values, start + 1):
            write_record(folder, filename(number), record)
    write_statements(folder / "scp_statements.csv")
    write_database(folder / PTBXL.marker, _table(rng, subject, age, has))


def _diagnoses(rng: np.random.Generator, n: int) -> NDArray[np.bool_]:
    """Diagnoses, "subject disease": each superclass by its prevalence, with one of its diseases."""
    has = np.zeros((n, len(DISEASES)), dtype=np.bool_)
    for superclass, share in PREVALENCE.items():
        columns = [column for column, disease in enumerate(DISEASES) if disease.superclass == superclass]
        chosen = rng.choice(columns, n)
        affected = np.flatnonzero(rng.uniform(size=n) < share)
        has[affected, chosen[affected]] = True
    return has


def _recorded(rng: np.random.Generator, well: Hearts, ill: Hearts, settings: _Settings) -> Array:
    """Twelve leads "heart lead time" in mV; of the change by illness lead I shows the share ``lead_i``."""
    times = np.arange(_SECONDS * RATE) / RATE
    beats = beat_times(rng, ill.rate, _SECONDS)
    base = dipoles(well, beats, times)
    change = dipoles(ill, beats, times) - base
    hidden = (1 - settings.lead_i) * (change @ SEEN_BY_I)[:, :, None] * SEEN_BY_I
    return leads(base + change - hidden, settings.noise * _noise(rng, len(beats), times))


def _noise(rng: np.random.Generator, n: int, times: Array) -> Array:
    """Muscle noise of 0.02 mV on average, and baseline wander of 0.1 mV, "heart 8 time"."""
    level = 0.02 * np.exp(0.4 * rng.standard_normal((n, 1, 1)))
    muscle = level * rng.standard_normal((n, 8, len(times)))
    hertz = rng.uniform(0.1, 0.4, (n, 8, 1))
    wander = 0.1 * rng.standard_normal((n, 8, 1)) * np.sin(2 * np.pi * (hertz * times + rng.uniform(0, 1, (n, 8, 1))))
    return muscle + wander


def _table(rng: np.random.Generator, subject: NDArray[np.int64], age: Array, has: NDArray[np.bool_]) -> pl.DataFrame:
    n = len(age)
    sex, site, fold = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.permutation(np.arange(n) % 10) + 1
    unreported = rng.uniform(size=n) < 0.02
    codes: list[str] = []
    for person in subject:
        statements: dict[str, Any] = {DISEASES[column].code: 100.0 for column in np.flatnonzero(has[person])}
        if not statements and not unreported[person]:
            statements["NORM"] = 100.0
        codes.append(str(statements | {"SR": 0.0}))
    number = np.arange(1, len(subject) + 1)
    return pl.DataFrame(
        {
            "ecg_id": number,
            "patient_id": (subject + 1).astype(np.float64),
            "age": np.where(age[subject] > 89, 300.0, age[subject]),
            "sex": sex[subject],
            "site": site[subject].astype(np.float64),
            "device": "synthetic dipole",
            "recording_date": [f"2000-01-{1 + day % 28:02d} {day // 28 % 24:02d}:00:00" for day in number.tolist()],
            "scp_codes": codes,
            "validated_by_human": "False",
            "strat_fold": fold[subject],
            "filename_lr": [filename(ecg) for ecg in number.tolist()],
        }
    )
