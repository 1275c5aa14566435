"""Synthetic sensor glucose with insulin and carbohydrate, in the layout of the Shanghai data set."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.cohorts.demo_cgm.days import DAY, Week, live
from medkd.cohorts.demo_cgm.metabolism import STEP, bodies, simulate
from medkd.cohorts.shanghai_cgm import ShanghaiCGM
from medkd.data.io.atomic import written_once
from medkd.errors import InputError

Array = NDArray[np.float64]
_EVERY = round(15 / STEP)
_HEADER = (
    *(
        "Date",
        "CGM (mg / dl)",
        "CBG (mg / dl)",
        "Blood Ketone (mmol / L)",
        "Dietary intake",
        "饮食",
        "Insulin dose - s.c.",
    ),
    *(
        "Non-insulin hypoglycemic agents",
        "CSII - bolus insulin (Novolin R, IU)",
        "CSII - basal insulin (Novolin R, IU / H)",
    ),
    "Insulin dose - i.v.",
)


@dataclasses.dataclass(frozen=True)
class _Settings:
    subjects: int
    seed: int
    days: int
    diligent: float
    noise: float
    revision: int = 1


class DemoCGM(ShanghaiCGM):
    """A synthetic cohort that the Shanghai data set's own code reads. Nothing in it is a patient's.

    People with type 1 diabetes on a pump: a minimal model of glucose and insulin, meals with carbohydrate, boluses that
    are mistimed, miscounted or forgotten, and an insulin action that drifts unseen. The sensor writes every 15 minutes,
    with an error that is correlated in time. Of all people the share ``diligent`` log doses and carbohydrate; a sixth
    of their meals is "data not available". Meals are carbohydrate alone, so here ``mass`` and ``carbs`` are the same.
    """

    name: ClassVar[str] = "demo_cgm"
    marker: ClassVar[str] = "demo_cgm.zip"
    licence: ClassVar[str] = "synthetic, no restriction"

    @staticmethod
    def synthesise(
        root: Path, *, subjects: int = 150, seed: int = 0, days: int = 7, diligent: float = 0.6, noise: float = 1.0
    ) -> Path:
        """Write the cohort to ``root``, the same tables for the same settings; an existing one is left as it is.

        Args:
            root: a folder that does not exist, is empty, or has another demo in it (which is replaced).
            subjects: people, one recording each.
            seed: of the generator.
            days: of a recording.
            diligent: share of the people who keep a log, 0 to 1.
            noise: factor on the sensor's error.

        Raises:
            InputError: ``root`` has other content, or a setting is out of range.
        """
        settings = _Settings(subjects, seed, days, diligent, noise)
        if subjects < 10 or not 1 <= days <= 28 or not 0 <= diligent <= 1 or noise < 0:
            raise InputError(
                f"subjects {subjects}, days {days}, diligent {diligent:g}, noise {noise:g}",
                where="demo_cgm",
                remedy="Give at least 10 subjects, 1 to 28 days, diligent from 0 to 1, noise of at least 0",
            )
        return written_once(root, "demo_cgm", settings, lambda folder: _write(folder / DemoCGM.marker, settings))


def _write(path: Path, settings: _Settings) -> None:
    rng = np.random.default_rng(settings.seed)
    people = bodies(rng, settings.subjects)
    # A day before the sensor starts, so that nobody begins at steady state.
    week = live(rng, people, settings.days + 1)
    shown = np.clip(
        simulate(people, week.carbs, week.bolus, week.drift) + settings.noise * _error(rng, week.carbs.shape), 40, 400
    )
    diligent = rng.uniform(size=settings.subjects) < settings.diligent
    unweighed = rng.uniform(size=week.carbs.shape) < 1 / 6
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for person in range(settings.subjects):
            table = _recording(
                week, shown, person, bool(diligent[person]), unweighed[person], float(people.basal_rate[person])
            )
            # A fixed time, so that the same settings give the same bytes.
            archive.writestr(
                zipfile.ZipInfo(f"Demo_T1DM/{person + 1:04d}_0_20000102.csv", (2000, 1, 2, 0, 0, 0)), table.write_csv()
            )


def _error(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A sensor's error in mg/dL, correlated over 15 minutes.

    Source of its form: Breton and Kovatchev 2008.
    """
    keep = np.exp(-STEP / 15)
    error = np.zeros(shape)
    noise = 5 * np.sqrt(1 - keep**2) * rng.standard_normal(shape)
    for step in range(1, shape[1]):
        error[:, step] = keep * error[:, step - 1] + noise[:, step]
    return error


def _recording(
    week: Week, shown: Array, person: int, diligent: bool, unweighed: NDArray[np.bool_], basal: float
) -> pl.DataFrame:
    """One person's file; doses and meals are in the row of the 15 minutes at whose end the sensor is read."""
    carbs, bolus = (_by_quarter(values[person, DAY:]) for values in (week.carbs, week.bolus))
    rows = len(carbs)
    not_weighed = unweighed[DAY::_EVERY]
    diet = [
        "data not available" if unknown else f"Carbohydrate {g:g} g"
        for g, unknown in zip(carbs, not_weighed, strict=True)
    ]
    columns = {
        "Date": [
            f"2000-01-{2 + quarter // 96:02d} {quarter % 96 // 4:02d}:{quarter % 4 * 15:02d}:00"
            for quarter in range(rows)
        ],
        "CGM (mg / dl)": shown[person, DAY::_EVERY].round().tolist(),
        "Dietary intake": [text if diligent and g > 0 else None for text, g in zip(diet, carbs, strict=True)],
        "CSII - bolus insulin (Novolin R, IU)": [units if diligent and units > 0 else None for units in bolus],
        "CSII - basal insulin (Novolin R, IU / H)": [
            f"{basal:.2f}" if diligent and row % 96 == 0 else None for row in range(rows)
        ],
    }
    table = pl.DataFrame(
        columns, schema_overrides={"Dietary intake": pl.String, _HEADER[8]: pl.Float64, _HEADER[9]: pl.String}
    )
    return table.with_columns(pl.lit(None, pl.String).alias(name) for name in _HEADER if name not in columns).select(
        _HEADER
    )


def _by_quarter(steps: Array) -> list[float]:
    """Sums of 15 minutes: row r is the amount after row r-1 and up to r, at which the sensor is read."""
    shifted = np.concatenate([np.zeros(_EVERY - 1), steps])[: len(steps)]
    return [float(value) for value in shifted.reshape(-1, _EVERY).sum(axis=1)]
