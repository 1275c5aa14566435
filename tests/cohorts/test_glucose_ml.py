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
