"""The synthetic cohort: same settings, same bytes; people who live; and what insulin and meals do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cohorts.demo_cgm import DemoCGM
from medkd.cohorts.demo_cgm.metabolism import bodies, simulate
from medkd.errors import InputError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> DemoCGM:
    return DemoCGM(DemoCGM.synthesise(tmp_path_factory.mktemp("demo") / "cohort", subjects=20, seed=3, days=4))


def test_same_settings_same_bytes(cohort: DemoCGM, tmp_path: Path) -> None:
    again = DemoCGM.synthesise(tmp_path / "again", subjects=20, seed=3, days=4)
    assert (again / DemoCGM.marker).read_bytes() == (cohort.root / DemoCGM.marker).read_bytes()
    other = DemoCGM.synthesise(tmp_path / "other", subjects=20, seed=4, days=4)
    assert (other / DemoCGM.marker).read_bytes() != (cohort.root / DemoCGM.marker).read_bytes()


def test_glucose_is_such_as_lives(cohort: DemoCGM) -> None:
    readings = cohort.readings()
    assert readings.height == 20 * 4 * 96
    assert readings["glucose"].is_between(40, 400).all()
    assert 100 < readings["glucose"].mean() < 190  # type: ignore[operator]
    assert 0.4 < readings["glucose"].is_between(70, 180).mean() < 0.95  # type: ignore[operator]


def test_the_diligent_alone_keep_a_log(cohort: DemoCGM) -> None:
    logged = set(cohort.meals()["series"])
    assert 0 < len(logged) < 20
    assert logged == set(cohort.doses()["series"])
    unweighed = cohort.meals().filter(pl.col("variable") == "unweighed").height
    assert 0.08 < unweighed / cohort.meals().filter(pl.col("variable") != "carbs").height < 0.28


def test_meals_raise_and_insulin_lowers_glucose() -> None:
    people = bodies(np.random.default_rng(0), 8)
    nothing, meal, dose = (np.zeros((8, 60)) for _ in range(3))
    meal[:, 5], dose[:, 5] = 50, 5
    drift = np.ones((8, 60))
    rest = simulate(people, nothing, nothing, drift)
    assert np.ptp(rest, axis=1).max() < 1e-6
    fed, treated = simulate(people, meal, nothing, drift), simulate(people, nothing, dose, drift)
    assert np.array_equal(fed[:, :5], rest[:, :5])
    assert (fed.max(axis=1) > rest.max(axis=1) + 40).all()
    assert (treated.min(axis=1) < rest.min(axis=1) - 20).all()


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something that is not a demo_cgm"):
        DemoCGM.synthesise(tmp_path)
    with pytest.raises(InputError, match="diligent 2"):
        DemoCGM.synthesise(tmp_path / "new", diligent=2)
