"""Glucose-ML: published counts, a subset, times of day, and words."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from medkd.cohorts.glucose_ml import GlucoseML
from medkd.errors import InputError


@pytest.fixture(scope="module")
def some(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> GlucoseML:
    """Three small sets, as links."""
    folder = tmp_path_factory.mktemp("sets")
    for name in ("D1NAMO", "BIGIDEAs", "Hall_2018"):
        os.symlink(shared / f"data/cgm/glucose-ml/{name}-from-Glucose-ML.zip", folder / f"{name}-from-Glucose-ML.zip")
    return GlucoseML(folder)


def test_counts_of_a_subset(some: GlucoseML) -> None:
    readings = some.readings().join(some.people(), on="series")
    counts = readings.group_by("site").agg(pl.col("subject_id").n_unique(), pl.len())
    assert set(counts.iter_rows()) == {("D1NAMO", 9, 8055), ("BIGIDEAs", 16, 36898), ("Hall_2018", 57, 105426)}
    # Nine readings of Hall 2018 say "Low".
    assert readings.filter((pl.col("site") == "Hall_2018") & (pl.col("glucose") == 40)).height >= 9


def test_samples(some: GlucoseML) -> None:
    table, left_out = some.samples(some.target("glucose30"))
    assert table["subject_id"].n_unique() == 82
    assert table["sample_id"].is_unique().all()
    assert {item.reason.split(":")[0] for item in left_out} >= {"thinned", "no glucose at the time that is forecast"}
    assert some.target(None).key == "glucose60"


def test_a_time_of_day_goes_on_past_midnight(shared: Path, tmp_path: Path) -> None:
    os.symlink(
        shared / "data/cgm/glucose-ml/Colas_2019-from-Glucose-ML.zip", tmp_path / "Colas_2019-from-Glucose-ML.zip"
    )
    readings = GlucoseML(tmp_path).readings()
    assert readings.height == 114_253
    gaps = readings.select(pl.col("minute").diff().over("series")).drop_nulls()["minute"]
    assert gaps.min() > 0
    assert readings["minute"].max() < 3 * 1440


def test_nothing_there_and_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no AZT1D-from-Glucose-ML"):
        GlucoseML(tmp_path)
    with zipfile.ZipFile(tmp_path / "New-from-Glucose-ML.zip", "w") as held:
        held.writestr("New/1.csv", "timestamp,glucose\n2020-01-01 00:00:00,100\n")
    with pytest.raises(InputError, match="has no column 'glucose_value_mg_dl'"):
        GlucoseML(tmp_path).readings()


def test_people_and_readings_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    times = pl.datetime_range(pl.datetime(2031, 4, 9), pl.datetime(2031, 4, 10), "5m", eager=True)
    text = times.dt.strftime("%Y-%m-%dT%H:%M:%S").to_list()
    rows = [f"{time},{'LO' if number == 5 else 110 + number % 30}" for number, time in enumerate(text)]
    rows[7], rows[9], rows[11] = f"then,{120}", f"{text[9]},err", rows[10]
    with zipfile.ZipFile(tmp_path / "New-from-Glucose-ML.zip", "w") as archive:
        archive.writestr("New/1.csv", "timestamp,glucose_value_mg_dl\n" + "\n".join(rows))
        archive.writestr("New/2.csv", "timestamp,glucose_value_mg_dl\nthen,100\n")
        archive.writestr("New/3.csv", "timestamp,glucose_value_mg_dl\n")
    cohort = GlucoseML(tmp_path)
    table, left_out = cohort.samples(cohort.target(None))
    assert table["subject_id"].unique().to_list() == ["New/1"]
    assert {item.reason: item.count for item in left_out}["recording without a reading that can be used"] == 2
    aside = {item.reason: item.count for item in cohort.extract(table, tmp_path / "out").aside}
    assert aside == {"cgm: no time": 1, "cgm: no number": 1, "cgm: second reading at one time": 1}
    assert cohort.readings().height + sum(aside.values()) == len(rows)
