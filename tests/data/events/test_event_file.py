"""Event files in the forms in which people write them: spelling, separators, units, times."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from medkd.data.events.event_file import event_columns, read_event_file
from medkd.errors import RecordError

ROWS = [(0.5, "sodium", "mmol/L", 137.5, None), (2.0, "sodium", None, None, "clotted")]


def read(path: Path, text: str) -> list[tuple[object, ...]]:
    path.write_text(text, encoding="utf-8")
    return read_event_file(path).rows()


@pytest.mark.parametrize(
    "text",
    [
        "hours,variable,value,unit\n0.5,sodium,137.5,mmol/L\n2,sodium,clotted,\n",
        "Hours;VARIABLE;Value;UOM\n0,5;sodium;137,5;mmol/L\n2;sodium;clotted;\n",
        "valueuom\tvalue\tvariable\thours\nmmol/L\t137.5\tsodium\t0.5\n\tclotted\tsodium\t2\n",
    ],
)
def test_spelling_separator_and_decimal_sign_do_not_matter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    assert read(path, text) == ROWS
    assert "hours" in event_columns(path)


def test_a_wide_table_has_a_unit_for_its_one_variable_or_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert read(path, "hours,glucose,unit\n1,5.4,mmol/L\n2,,mmol/L\n") == [(1.0, "glucose", "mmol/L", 5.4, None)]
    with pytest.raises(RecordError, match="one column of units for 2 columns"):
        read(path, "hours,glucose,sodium,unit\n1,5.4,140,mmol/L\n")


def test_a_decimal_comma_beside_a_point_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="some with a point"):
        read(tmp_path / "a.csv", "hours;sodium\n1;137,5\n2;1.375\n")


@pytest.mark.parametrize("column", ["hours", "value"])
def test_durations_are_no_numbers(tmp_path: Path, column: str) -> None:
    table = pl.DataFrame({"hours": [1.0], "variable": ["sodium"], "value": [140.0]})
    table.with_columns(pl.Series(column, [timedelta(hours=1)])).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(RecordError, match=f"column '{column}' holds durations"):
        read_event_file(tmp_path / "a.parquet")


def test_a_row_without_a_time_and_an_entry_for_no_value_stay_for_the_count(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "hours,variable,value\n,sodium,140\n3,sodium,N/A\n")
    assert rows == [(None, "sodium", None, 140.0, None), (3.0, "sodium", None, None, None)]


def test_other_files_have_no_columns_of_events(tmp_path: Path) -> None:
    for name, text in (("a.csv", "time,value\n1,2\n"), ("a.txt", "hours,value\n1,2\n"), ("a.parquet", "PAR1")):
        (tmp_path / name).write_text(text)
        assert event_columns(tmp_path / name) == ()
