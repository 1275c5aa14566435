"""Exports of glucose sensors: columns, units from their names, kinds of rows, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkd.errors import RecordError
from medkd.modalities.cgm import CGM

CLARITY = "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Glucose Value (mmol/L),Insulin Value (u)\n"


def read(path: Path, text: str) -> list[tuple[float, float]]:
    path.write_text(text, encoding="utf-8")
    assert CGM().find(path.parent) == [path.name]
    events = CGM().read({"cgm": path.name, "sample_id": path.stem}, path.parent)
    return [(round(hour, 3), round(value, 1)) for hour, value in zip(events.hours, events.value.tolist(), strict=True)]


def test_only_readings_of_the_sensor_count_and_the_last_is_hour_zero(tmp_path: Path) -> None:
    rows = "1,,FirstName,,\n2,2031-04-09T11:00:00,EGV,5.0,\n3,2031-04-09T11:10:00,Calibration,9.9,\n"
    rows += "4,2031-04-09T11:30:00,Insulin,,4\n5,2031-04-09T12:00:00,EGV,Low,\n"
    assert read(tmp_path / "c.csv", CLARITY + rows) == [(-1.0, 90.1), (0.0, 40.0)]


def test_libreviews_two_columns_are_one_series(tmp_path: Path) -> None:
    text = "Glucose Data,Generated on,23-04-2031 10:00 UTC\nDevice,Device Timestamp,Record Type,"
    text += "Historic Glucose mg/dL,Scan Glucose mg/dL\nL3,23-04-2031 09:00,0,100,\nL3,23-04-2031 09:05,1,,HI\n"
    assert read(tmp_path / "l.csv", text) == [(-0.083, 100.0), (0.0, 400.0)]


def test_an_export_that_states_no_unit_is_refused_with_the_name_to_write(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"states no unit for column 'gl'.*'gl \(mmol/L\)'"):
        read(tmp_path / "i.csv", "id,time,gl\nA,2031-04-09 11:00:00,100\n")


def test_dates_that_may_be_read_in_two_ways_set_the_record_aside(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="may have the day first or the month first"):
        read(tmp_path / "a.csv", "timestamp,glucose (mg/dL)\n4/9/2031 11:00,100\n4/9/2031 11:05,101\n")
