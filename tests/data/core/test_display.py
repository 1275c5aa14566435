"""What is shown of a record is what it holds, and what is marked as seen is what the student's input was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cohorts.cinc2012 import CinC2012
from medkd.data.core.display import Passage, Strip, Trend
from medkd.data.core.view import Part
from medkd.modalities.cgm import CGM
from medkd.modalities.codes import Codes
from medkd.modalities.ecg import ECG
from medkd.modalities.insulin import Insulin
from medkd.modalities.notes import Notes
from medkd.modalities.vitals import Vitals

LEAD_I = Part("ecg", ("I",))


@pytest.fixture(scope="module")
def brugada(shared: Path) -> Path:
    return shared / "data" / "ecg" / "brugada-huca"


def shown(ecg: ECG, root: Path, part: Part = LEAD_I, place: int = 3) -> tuple[Strip, np.ndarray]:
    raw = ecg.read({"ecg": ecg.find(root)[place]}, root)
    return ecg.display(raw, part), ecg.windows(ecg.select(raw, part))


def test_an_ecg_shows_all_leads_as_recorded_and_marks_the_students(brugada: Path) -> None:
    ecg = ECG()
    raw = ecg.read({"ecg": ecg.find(brugada)[3]}, brugada)
    strip = ecg.display(raw, LEAD_I)
    assert strip.leads == raw.leads
    assert len(strip.leads) == 12
    assert strip.seen == ("I",)
    np.testing.assert_array_equal(strip.values, raw.values)
    # Twelve seconds, of which the middle ten are prepared.
    assert (strip.seconds, strip.stretches) == (12.0, ((1.0, 11.0),))


@pytest.mark.parametrize("longer", ["crop", "windows"])
def test_stretches_of_a_rhythm_are_where_the_prepared_windows_come_from(brugada: Path, longer: str) -> None:
    ecg = ECG(seconds=5.0, bandpass=(0.0, 0.0), longer=longer)  # type: ignore[arg-type]
    strip, prepared = shown(ecg, brugada)
    assert len(strip.stretches) == len(prepared) == (1 if longer == "crop" else 3)
    for (start, end), window in zip(strip.stretches, prepared, strict=True):
        # Recorded at the prepared rate, and not filtered: the very samples.
        np.testing.assert_allclose(
            strip.values[0, round(start * strip.rate) : round(end * strip.rate)], window[0], atol=1e-6
        )


def test_stretches_of_a_median_beat_are_the_beats_that_it_is_the_median_of(brugada: Path) -> None:
    ecg = ECG(representation="median_beat", bandpass=(0.0, 0.0))
    strip, prepared = shown(ecg, brugada)
    assert strip.averaged
    beats = [strip.values[0, round(start * 100) : round(end * 100)] for start, end in strip.stretches]
    assert len(beats) >= 6
    np.testing.assert_allclose(np.median(beats, axis=0), prepared[0, 0], atol=1e-6)


def test_a_record_that_cannot_be_prepared_is_shown_without_stretches(brugada: Path) -> None:
    ecg = ECG()
    raw = ecg.read({"ecg": ecg.find(brugada)[0]}, brugada)
    flat = raw.with_values(np.where(np.arange(12)[:, None] == 0, 0.0, raw.values))
    strip = ecg.display(flat, LEAD_I)
    assert strip.stretches == ()
    assert strip.seen == ("I",)


@pytest.fixture(scope="module")
def stay(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], Path]:
    """A real stay of 48 hours, extracted."""
    cohort = CinC2012(shared / "data" / "icu" / "cinc2012")
    folder = tmp_path_factory.mktemp("events")
    table, _ = cohort.samples(cohort.target(None))
    made = cohort.extract(table.head(8), folder, ["vitals"])
    return made.samples.row(5, named=True), folder


def test_a_grid_shows_every_value_at_its_own_hour_beyond_the_window_too(stay: tuple[dict[str, object], Path]) -> None:
    row, folder = stay
    vitals = Vitals()
    trend = vitals.display(vitals.read(row, folder), Part("vitals", window=(0, 24)))
    held = pl.read_parquet(folder / str(row["vitals"])).filter(pl.col("series") == row["sample_id"])
    for place, name in enumerate(trend.variables):
        mine = held.filter(pl.col("variable") == name).sort("hours")
        np.testing.assert_array_equal(trend.hours[trend.variable == place], mine["hours"].to_numpy())
        assert trend.values[trend.variable == place].tolist() == mine["value"].to_list()
    assert len(trend.values) == held.height
    assert trend.window == (0, 24)
    assert trend.span[1] > 24
    assert trend.units[trend.variables.index("temperature")] == "Cel"


def test_silences_are_the_cells_that_the_student_finds_empty(stay: tuple[dict[str, object], Path]) -> None:
    row, folder = stay
    vitals = Vitals()
    part = Part("vitals", window=(0, 24))
    raw = vitals.read(row, folder)
    trend, grid = vitals.display(raw, part), vitals.prepare(vitals.select(raw, part))
    assert 0 < np.isnan(grid).sum() < grid.size
    for cells, silences in zip(grid, trend.silences, strict=True):
        silent = [any(start <= hour and hour + 1 <= end for start, end in silences) for hour in range(24)]
        assert silent == np.isnan(cells).tolist()


def test_what_the_student_does_not_see_comes_last_and_what_is_no_variable_is_not_shown(tmp_path: Path) -> None:
    # A label beside the values, as the 2019 challenge has it, must not reach the reader.
    (tmp_path / "a.csv").write_text("hours,SepsisLabel,temp,HR\n0,0,37,80\n30,1,38,120\n")
    vitals = Vitals(variables=("heart_rate",))
    trend = vitals.display(vitals.read({"vitals": "a.csv"}, tmp_path), Part("vitals", window=(0, 24)))
    assert trend.variables == ("heart_rate", "temperature")
    assert trend.seen == ("heart_rate",)
    assert trend.span == (0.0, 31.0)
    assert sorted(trend.until(24).values.tolist()) == [37.0, 80.0]
    assert trend.until(24).span == (0.0, 24)
    assert max(end for silences in trend.until(24).silences for _, end in silences) == 24


def test_glucose_is_silent_only_where_the_student_could_not_bridge_it_and_doses_never_are(tmp_path: Path) -> None:
    minutes = [*range(-300, -120, 5), *range(-85, 60, 5)]
    pl.DataFrame({"hours": [m / 60 for m in minutes], "variable": "glucose", "value": 110.0}).write_parquet(
        tmp_path / "cgm.parquet"
    )
    pl.DataFrame({"hours": [-2.0, -1.0], "variable": "bolus", "value": [4.0, 2.0]}).write_parquet(
        tmp_path / "insulin.parquet"
    )
    cgm = CGM()
    trend = cgm.display(cgm.read({"cgm": "cgm.parquet"}, tmp_path), Part("cgm", window=(-3, 0)))
    assert not trend.additive
    assert trend.silences == ((pytest.approx((-125 / 60, -85 / 60)),),)
    # What follows is what is to be forecast.
    assert trend.until(0).hours.max() == 0.0 < trend.hours.max()
    insulin = Insulin()
    doses = insulin.display(insulin.read({"insulin": "insulin.parquet"}, tmp_path), Part("insulin"))
    assert doses.additive
    assert not any(doses.silences)
    assert doses.values.tolist() == [4.0, 2.0]


def test_notes_are_shown_as_written_with_what_the_student_sees_named(tmp_path: Path) -> None:
    pl.DataFrame({"hours": [1.0, 30.0], "text": ["<b>stable</b>", "worse"]}).write_parquet(tmp_path / "notes.parquet")
    notes = Notes()
    passage = notes.display(notes.read({"notes": "notes.parquet"}, tmp_path), Part("notes", window=(0, 24)))
    assert passage == Passage("notes", (1.0, 30.0), ("<b>stable</b>", "worse"), (0, 24))
    assert "hour 30, not seen by the student\nworse" in passage.text
    assert passage.until(24).texts == ("<b>stable</b>",)


def test_a_modality_without_a_display_of_its_own_has_none() -> None:
    assert Codes().display(None, Part("codes")) is None


def test_displays_are_values(brugada: Path) -> None:
    strip, _ = shown(ECG(), brugada)
    with pytest.raises(AttributeError):
        strip.rate = 1.0  # type: ignore[misc]
    assert isinstance(replace(strip, seen=()), Strip)
    assert not issubclass(Trend, Strip)
