"""Shared cases of tables and event files: what each must give, read as ``predict`` and ``cohort`` do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from medkd import registry
from medkd.cohorts.glucose_ml import GlucoseML
from medkd.cohorts.meds import MEDS
from medkd.cohorts.mimic4 import MIMIC4
from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.view import View
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.inference.items import find_items
from medkd.errors import InputError, RecordError
from medkd.modalities.cgm import CGM
from medkd.modalities.labs import Labs
from medkd.modalities.vitals import Vitals

Outcome = NDArray[np.float32] | str
Make = Callable[[str], Path]


@pytest.fixture
def make(shared: Path, tmp_path: Path) -> Make:
    """Makes a case's input."""

    def run(case: str) -> Path:
        folder = shared / "cases" / case
        if not folder.is_dir():
            pytest.skip(f"no case {case} in {shared}; set MEDKD_SHARED to a folder that has it")
        subprocess.run([sys.executable, folder / "make.py", tmp_path / "input"], check=True, timeout=120)
        return tmp_path / "input"

    return run


def outcomes(source: Path, modality: Modality, values: dict[str, int] | None = None) -> dict[str, Outcome]:
    """Every item of a folder: what a network would see of it, or the reason why it is set aside."""
    part = View.parse(modality.name).parts[0]
    channels = modality.shape(part)[0]
    plain = Statistics((0.0,) * channels, (1.0,) * channels, samples=1, split_sha256="", held_out=())
    preprocessing = Preprocessing(View.parse(modality.name), {modality.name: modality}, {modality.name: plain})
    items = find_items(source, {modality.name: modality}, registry=registry)
    return {
        row["sample_id"]: _outcome(preprocessing, row, items.root, values) for row in items.table.iter_rows(named=True)
    }


def _outcome(preprocessing: Preprocessing, row: dict[str, str], root: Path, values: dict[str, int] | None) -> Outcome:
    own: dict[str, int] = {}
    try:
        return next(iter(preprocessing.prepare(row, root, own).values()))
    except RecordError as error:
        return str(error)
    finally:
        for reason, count in own.items() if values is not None else ():
            values[reason] = values.get(reason, 0) + count


def extracted(cohort: Cohort, folder: Path, modality: str) -> tuple[pl.DataFrame, dict[str, int], Sequence[str]]:
    """The sample table, values set aside by reason, and the modality's events with their series."""
    table, excluded = cohort.samples(cohort.target(None))
    extract = cohort.extract(table, folder, [modality])
    files = sorted((folder / modality).glob("*.parquet"))
    aside = {item.reason: item.count for item in (*excluded, *extract.aside)}
    return pl.concat([pl.read_parquet(file) for file in files]), aside, table["subject_id"].unique().to_list()


def test_glucose_in_the_unit_of_its_column(make: Make) -> None:
    result = outcomes(make("g04_cgm_unit_column"), CGM())
    assert not any(isinstance(value, str) for value in result.values()), result
    np.testing.assert_allclose(result["high_mmol"], result["high_mgdl"], atol=2)  # type: ignore[arg-type]
    assert result["normal_mmol"].mean() == pytest.approx(result["high_word"].mean(), abs=25)  # type: ignore[union-attr]
    assert result["high_word"].max() > 300  # type: ignore[union-attr]


def test_laboratory_results_in_the_unit_of_their_column(make: Make) -> None:
    result = outcomes(make("g05_labs_unit_column"), Labs())
    np.testing.assert_allclose(result["si"], result["us"], rtol=0.03)  # type: ignore[arg-type]


def test_two_laboratories_of_one_export_say_their_units(make: Make, tmp_path: Path) -> None:
    events, _, subjects = extracted(MIMIC4(make("g06_mimic_valueuom")), tmp_path / "out", "labs")
    assert len(subjects) == 40
    plausible = {"creatinine": (0.1, 2), "bilirubin_total": (0.05, 1.5), "bun": (5, 27), "glucose": (50, 180)}
    for name, (low, high) in plausible.items():
        values = events.filter(pl.col("variable") == name)["value"]
        # Half of the patients' rows were in SI units.
        assert len(values) == 40 * 3
        assert values.is_between(low, high).all(), name


def test_times_of_a_spreadsheet_are_read_in_the_one_form_that_reads_all(make: Make, tmp_path: Path) -> None:
    root = make("g09_us_dates")
    events, aside, _ = extracted(MIMIC4(root), tmp_path / "out", "vitals")
    assert "vitals: no time" not in aside
    measured = events.filter(~pl.col("variable").is_in(["age", "sex"]))
    # The case's random saturations above 100 % are set aside.
    assert measured.height + aside["vitals: outside plausible limits"] == 40 * 24 * 7
    assert measured["hours"].is_between(0, 24).all()


def test_event_files_of_every_spelling_are_found_and_alike(make: Make) -> None:
    result = outcomes(make("g11_event_files_not_found"), Vitals())
    assert len(result) == 8
    first = next(iter(result.values()))
    for name, value in result.items():
        np.testing.assert_array_equal(value, first, err_msg=name)


def test_nobody_vanishes_for_a_t_between_date_and_time(make: Make) -> None:
    cohort = GlucoseML(make("g12_person_vanishes"))
    table, _ = cohort.samples(cohort.target(None))
    assert table["subject_id"].n_unique() == 7


def test_a_record_of_which_nothing_is_known_is_set_aside_and_its_values_counted(make: Make) -> None:
    values: dict[str, int] = {}
    result = outcomes(make("g13_nothing_recognised"), Vitals(), values)
    assert not isinstance(result["plain"], str)
    assert "168 variable not used" in str(result["loinc"])
    assert values == {"used": 170 + 2, "variable not used": 168}


def test_shards_with_numbers_of_two_widths_are_read(make: Make) -> None:
    cohort = MEDS(make("g16_meds_number_widths"))
    table, _ = cohort.samples(cohort.target(None))
    assert table["subject_id"].n_unique() == 30
    labs = cohort.events("labs", table)
    assert labs is not None
    assert set(labs.collect()["value"]) == {1.0}


def test_several_stays_in_one_file_are_named(make: Make) -> None:
    (reason,) = outcomes(make("g26_stays_in_one_file"), Vitals()).values()
    assert "holds 3 series and none was named" in str(reason)
    assert "manifest" in str(reason)


def test_exports_of_sensors_are_read_in_their_own_units(make: Make) -> None:
    result = outcomes(make("g31_cgm_exports"), CGM())
    assert set(result) == {"clarity", "libreview"}
    for value in result.values():
        assert not isinstance(value, str), value
        assert 90 < value.mean() < 190


def test_every_word_of_a_sensor_is_an_end_of_its_range(make: Make) -> None:
    cohort = GlucoseML(make("g32_hi_lo"))
    odd = cohort.readings().filter(pl.col("series").str.ends_with("odd"))
    assert odd.height == 600
    assert odd["glucose"].min() == 40
    assert odd["glucose"].max() == 400


def test_two_copies_below_one_root_are_refused_by_name(make: Make) -> None:
    with pytest.raises(InputError, match=r"old/icu/icustays\.csv and published/icu/icustays\.csv"):
        MIMIC4(make("g33_two_copies"))
