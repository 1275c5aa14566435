"""Standard values of records: units that a file states, words, and the account of every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.errors import RecordError
from medkd.modalities.cgm import CGM
from medkd.modalities.labs import Labs
from medkd.modalities.vitals import Vitals


def read(modality: Labs | Vitals | CGM, path: Path, text: str) -> tuple[dict[str, list[float]], dict[str, int]]:
    path.write_text(text, encoding="utf-8")
    events = modality.read({modality.name: path.name, "sample_id": "x"}, path.parent)
    assert events.count is not None
    assert events.count.used == len(events.hours)
    named = np.array(events.variables)[events.variable]
    values = {name: events.value[named == name].round(2).tolist() for name in dict.fromkeys(named.tolist())}
    return values, dict(events.count.aside)


def test_a_stated_unit_is_converted_and_an_unknown_one_set_aside(tmp_path: Path) -> None:
    text = "hours,variable,value,unit\n1,calcium,2.4,mmol / L\n2,calcium,9.6,mg%\n3,calcium,9.6,stone\n4,calcium,9.6,\n"
    values, aside = read(Labs(), tmp_path / "a.csv", text)
    assert values == {"calcium": [pytest.approx(9.62, abs=0.01), pytest.approx(9.6), pytest.approx(9.6)]}
    assert aside == {"unit not known": 1}


def test_a_unit_in_a_columns_name_is_read(tmp_path: Path) -> None:
    values, aside = read(Vitals(), tmp_path / "a.csv", "hours,temperature (Deg. F),heart_rate\n1,98.6,80\n")
    assert values == {"temperature": [pytest.approx(37.0, abs=0.01)], "heart_rate": [80.0]}
    assert aside == {}


def test_every_value_of_a_file_is_accounted_for(tmp_path: Path) -> None:
    rows = ("1,hr,80,bpm", "1,hr,800,bpm", "1,hr,80,furlong", "1,pain,3,", ",hr,81,", "1,hr,NaN,", "1,pain,bad,")
    text = "\n".join(("hours,variable,value,unit", *rows))
    values, aside = read(Vitals(), tmp_path / "a.csv", text)
    assert values == {"heart_rate": [80.0]}
    assert aside == {
        "outside plausible limits": 1,
        "unit not known": 1,
        "variable not used": 2,
        "no time": 1,
        "no number": 1,
    }
    assert sum(aside.values()) + 1 == len(rows)


def test_a_word_is_an_end_of_a_sensors_range_and_elsewhere_refused(tmp_path: Path) -> None:
    rows = "\n".join(f"{hour},{word},mmol/L" for hour, word in enumerate(("LO", "hi", ">22.2", "5.0")))
    values, _ = read(CGM(), tmp_path / "a.csv", f"hours,glucose,unit\n{rows}\n")
    assert values == {"glucose": [40.0, 400.0, pytest.approx(399.96, abs=0.01), pytest.approx(90.08, abs=0.01)]}
    with pytest.raises(RecordError, match="a word where a number belongs"):
        read(Labs(), tmp_path / "b.csv", "hours,glucose\n1,HI\n")


def test_a_cohorts_words_are_milligrams_whatever_the_unit(tmp_path: Path) -> None:
    rows = {"series": "a", "hours": [0.0, 1.0, 2.0], "variable": "glucose", "value": ["LOW", "5", "err"]}
    table = CGM().standardise(pl.LazyFrame(rows).with_columns(unit=pl.lit("mmol/L"))).collect()
    assert table["value"].round(1).to_list() == [40.0, pytest.approx(90.1, abs=0.05), None]
    assert table["flaw"].to_list() == [None, None, "no number"]


def test_series_of_one_file_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ward.csv"
    path.write_text("series,hours,heart_rate\np,0,70\nq,0,90\n")
    with pytest.raises(RecordError, match="holds 2 series and none was named"):
        Vitals().read({"vitals": path.name, "sample_id": "ward"}, tmp_path)
    assert Vitals().read({"vitals": path.name, "sample_id": "x", "series": "q"}, tmp_path).value.tolist() == [90.0]
    path.write_text("series,hours,heart_rate\nonly,0,75\n")
    assert Vitals().read({"vitals": path.name, "sample_id": "ward"}, tmp_path).value.tolist() == [75.0]
