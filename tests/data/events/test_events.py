"""Event files: long and wide, Parquet and CSV, one series or many, and what is wrong with some."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.data.events import events as module
from medkd.data.events.events import SERIES_PER_FILE, Events, read_events, write_events
from medkd.errors import RecordError

LONG = "series,hours,variable,value\nb,2,heart_rate,80\na,1.5,sbp,120\na,0,heart_rate,70\n"
WIDE = "hours,heart_rate,sbp\n0,70,\n1.5,,120\n"


def said(events: Events) -> list[tuple[float, str, float]]:
    names = [events.variables[place] for place in events.variable]
    return list(zip(events.hours.tolist(), names, events.value.tolist(), strict=True))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_only_the_events_of_a_series_are_read_in_time_order(tmp_path: Path) -> None:
    path = written(tmp_path / "long.csv", LONG)
    assert said(read_events(path, "a")) == [(0.0, "heart_rate", 70.0), (1.5, "sbp", 120.0)]
    assert said(read_events(path, "b")) == [(2.0, "heart_rate", 80.0)]


def test_hours_count_from_the_samples_own_zero(tmp_path: Path) -> None:
    path = written(tmp_path / "long.csv", LONG)
    assert read_events(path, "a", zero_hour=1.5).hours.tolist() == [-1.5, 0.0]
    assert read_events(path, "a").hours.tolist() == [0.0, 1.5]


def test_wide_and_long_tables_say_the_same_and_so_do_csv_and_parquet(tmp_path: Path) -> None:
    wide = written(tmp_path / "wide.csv", WIDE)
    pl.read_csv(wide).write_parquet(tmp_path / "wide.parquet")
    expected = [(0.0, "heart_rate", 70.0), (1.5, "sbp", 120.0)]
    for path in (wide, tmp_path / "wide.parquet"):
        # Of a file without series everything is the sample's, whatever its name.
        assert said(read_events(path, "whoever")) == said(read_events(path, None)) == expected


def test_a_series_must_be_named_unless_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds 2 series and none was named"):
        read_events(written(tmp_path / "two.csv", LONG), None)
    one = written(tmp_path / "one.csv", "series,hours,variable,value\na,0,sbp,120\n")
    assert said(read_events(one, None)) == [(0.0, "sbp", 120.0)]


def test_numbers_as_series_are_names(tmp_path: Path) -> None:
    path = written(tmp_path / "numbers.csv", "series,hours,variable,value\n7,0,sbp,120\n")
    assert said(read_events(path, "7")) == [(0.0, "sbp", 120.0)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("no_hours.csv", "time,value\n1,2\n", "no column 'hours'"),
        ("word.csv", "hours,heart_rate\n0,fast\n", "a word where a number belongs"),
        ("time.csv", "hours,heart_rate\n12:30,80\n", "a word where a number belongs"),
        ("damaged.parquet", "PAR1", "not a readable event table"),
        ("empty.csv", "", "is empty"),
        ("other.csv", "series,hours,variable,value\nz,0,sbp,120\n", "no event of this series"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_of_the_record(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        read_events(written(tmp_path / name, text), "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no such file: nowhere\.csv"):
        read_events(tmp_path / "nowhere.csv", "a")


def test_a_file_is_parsed_once_and_anew_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "long.csv", LONG)
    read_events(path, "a")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_read", lambda path: pytest.fail("parsed again"))
        read_events(path, "b")
    written(path, LONG.replace("120", "130"))
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    assert said(read_events(path, "a"))[-1] == (1.5, "sbp", 130.0)


def test_events_can_be_cut_in_time_and_narrowed_to_variables() -> None:
    events = Events(
        np.array([-1.0, 0, 1, 2]), np.array([0, 1, 0, 1]), np.arange(4, dtype=np.float32), ("heart_rate", "sbp")
    )
    assert said(events.within(0, 2)) == [(0.0, "sbp", 1.0), (1.0, "heart_rate", 2.0)]
    assert events.within(0, 2).window == (0, 2)
    narrowed = events.of(["spo2", "sbp"])
    assert narrowed.variables == ("spo2", "sbp")
    assert said(narrowed) == [(0.0, "sbp", 1.0), (2.0, "sbp", 3.0)]
    assert said(Events(np.array([]), np.array([], np.int64), np.array([], np.float32), ()).of(["sbp"])) == []


def test_what_is_written_is_read_back_from_as_few_files_as_need_be(tmp_path: Path) -> None:
    count = SERIES_PER_FILE + 1
    table = pl.DataFrame({"series": [f"{place:05d}" for place in reversed(range(count))]}).with_columns(
        hours=1.0, variable=pl.lit("sbp"), value=pl.int_range(pl.len()).cast(pl.Float32)
    )
    files = write_events(table.lazy(), tmp_path, "vitals")
    assert len(files) == count
    assert sorted(set(files.values())) == ["vitals/00000.parquet", "vitals/00001.parquet"]
    assert [files["00000"], files["01024"]] == ["vitals/00000.parquet", "vitals/00001.parquet"]
    for series, value in (("00000", count - 1.0), ("01023", 1.0), ("01024", 0.0)):
        assert said(read_events(tmp_path / files[series], series)) == [(1.0, "sbp", value)]


def test_the_files_are_the_same_however_few_rows_fit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 2 * SERIES_PER_FILE + 5
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"series": [f"{place:05d}" for place in rng.permutation(4 * count) % count]}).with_columns(
        hours=pl.Series(rng.integers(3, size=4 * count) / 2),
        variable=pl.lit("sbp"),
        value=pl.int_range(pl.len()).cast(pl.Float32),
    )
    whole = write_events(table.lazy(), tmp_path / "whole", "vitals")
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2 * count)
    assert write_events(table.lazy(), tmp_path / "parts", "vitals") == whole
    paths = sorted(set(whole.values()))
    assert len(paths) == 3
    read = [pl.concat([pl.read_parquet(tmp_path / folder / path) for path in paths]) for folder in ("whole", "parts")]
    assert read[0].equals(read[1])
    assert read[0].equals(table.sort("series", "hours", maintain_order=True))


def test_what_has_a_null_is_not_written_and_none_is_no_file(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"series": ["a", "a", None], "hours": [0.0, None, 0.0], "variable": ["sbp"] * 3, "value": [1.0, 2.0, 3.0]},
        schema_overrides={"value": pl.Float32},
    )
    assert write_events(table.lazy(), tmp_path, "vitals") == {"a": "vitals/00000.parquet"}
    assert len(read_events(tmp_path / "vitals/00000.parquet", "a").hours) == 1
    assert write_events(table.clear().lazy(), tmp_path, "labs") == {}
    assert not (tmp_path / "labs").exists()
