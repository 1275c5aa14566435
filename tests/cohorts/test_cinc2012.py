"""PhysioNet/CinC 2012: counts, every measurement accounted for, and files that are not as published."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cohorts.cinc2012 import CinC2012
from medkd.data.core.sample import check_samples
from medkd.data.core.view import Part
from medkd.errors import InputError

OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n1,6,1,5,-1,0\n2,16,8,-1,3,1\n"
STAY = "Time,Parameter,Value\n00:00,RecordID,{0}\n00:00,Age,54\n00:00,Gender,{1}\n00:00,ICUType,3\n00:00,Weight,-1\n"
FIRST = STAY.format(1, 0) + "00:30,HR,80\n24:00,HR,90\n01:10,pH,735\n01:10,Urine,60\n01:20,MAP,70\n"
SECOND = STAY.format(2, 1) + "soon,HR,80\n02:00,HR,fast\n03:00,HR,100\n03:00,Smell,1\n"


def laid(root: Path, files: dict[str, str], outcomes: str = OUTCOMES) -> Path:
    (root / "set-a").mkdir(parents=True)
    (root / "Outcomes-a.txt").write_text(outcomes)
    for name, text in files.items():
        (root / "set-a" / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def published(shared: Path) -> CinC2012:
    return CinC2012(shared / "data/icu/cinc2012")


def test_counts(published: CinC2012) -> None:
    for key, target in published.targets().items():
        table, left = published.samples(target)
        check_samples(table, target, key)
        assert table.height + sum(out.count for out in left) == 4000
        assert [(out.count, out.reason) for out in left] == [(3, "no measurement")]
    assert table["died"].sum() == 554
    assert table["days"].null_count() == 57
    assert table["days"].min() == 1
    assert table["sex"].null_count() == 3
    assert table["site"].n_unique() == 4
    assert (published.target(None).prediction_hour, published.target("mortality_48h").prediction_hour) == (24, 48)
    first = table.filter(pl.col("sample_id") == "132539")
    assert first.select("age", "sex", "site", "died", "days").row(0) == (54.0, "female", "surgical ICU", 0.0, 5.0)


def test_every_published_line_is_an_event_or_a_descriptor(published: CinC2012, shared: Path, tmp_path: Path) -> None:
    """1,757,980 lines less what describes the stay, and -1: counted straight from the text."""
    with tarfile.open(shared / "data/icu/cinc2012/set-a.tar.gz") as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        lines = b"".join(file.read() for file in files if file).decode().splitlines()
    expected = sum(
        1
        for line in lines
        if line.split(",")[1] not in ("Parameter", "RecordID", "ICUType") and not line.endswith(",-1")
    )
    table, _ = published.samples(published.target(None))
    events = [published.events(name, table).collect() for name in published.modalities()]
    assert sum(part.height for part in events) == expected
    made = published.extract(table, tmp_path)
    written = sum(
        pl.scan_parquet(tmp_path / name / "*.parquet").select(pl.len()).collect().item()
        for name in published.modalities()
    )
    wanted = sum(part.join(table, on="series", how="semi").height for part in events)
    assert written + sum(out.count for out in made.aside) == wanted
    assert {out.reason for out in made.aside} == {
        f"{name}: outside plausible limits" for name in published.modalities()
    }


def test_a_stay_as_it_stands_in_its_file(published: CinC2012, tmp_path: Path) -> None:
    table, _ = published.samples(published.target(None))
    made = published.extract(table.filter(pl.col("sample_id") == "132539"), tmp_path)
    (row,) = made.samples.to_dicts()
    vitals = published.modalities()["vitals"]
    grid = vitals.prepare(
        vitals.select(vitals.read(row, made.root), Part("vitals", ("heart_rate", "temperature", "age", "sex")))
    )
    assert grid.shape == (4, 24)
    assert grid[0, 0] == pytest.approx((73 + 77) / 2)
    assert grid[1, 0] == pytest.approx((35.1 + 35.6) / 2)
    np.testing.assert_array_equal(grid[2:, 0], [54, 0])
    assert np.isnan(grid[2:, 1:]).all()


def test_a_folder_is_read_and_what_is_no_measurement_is_counted(tmp_path: Path) -> None:
    cohort = CinC2012(laid(tmp_path / "data", {"1.txt": FIRST, "2.txt": SECOND}))
    table, left = cohort.samples(cohort.target(None))
    assert table.select("sample_id", "sex", "died", "days").rows() == [
        ("1", "female", 0.0, 5.0),
        ("2", "male", 1.0, None),
    ]
    assert left == []
    made = cohort.extract(table, tmp_path / "events")
    assert {(out.reason, out.count) for out in made.aside} == {
        ("vitals: no time", 1),
        ("vitals: no number", 1),
        ("vitals: variable not used", 1),
        ("labs: outside plausible limits", 1),
    }
    row = made.samples.row(0, named=True)
    assert row["labs"] is None
    vitals = cohort.modalities()["vitals"]
    raw = vitals.read(row, made.root)
    shown = vitals.prepare(vitals.select(raw, Part("vitals", ("heart_rate", "abp_mean", "mbp"), (0, 24))))
    assert (shown[0, 0], shown[1, 1]) == (80, 70)
    assert np.isfinite(shown).sum() == 2


def test_stays_that_cannot_be_used_are_counted_under_their_reason(tmp_path: Path) -> None:
    files = {
        "1.txt": FIRST,
        "copy.txt": FIRST,
        "deeper.txt": "Time;Parameter\n",
        "binary.txt": "Time,Parameter,Value\n00:00,HR,\N{SNOWMAN}\n",
        "header.txt": "Time,Parameter,Value\n",
        "3.txt": STAY.format(3, 1),
    }
    root = laid(tmp_path / "data", files, OUTCOMES + "1,6,1,9,-1,1\n")
    (root / "set-a/more").mkdir()
    (root / "set-a/more/1.txt").write_text(FIRST)
    cohort = CinC2012(root)
    table, left = cohort.samples(cohort.target(None))
    assert table.select("sample_id", "died").rows() == [("1", 0.0)]
    assert [(out.count, out.reason) for out in left] == [
        (3, "file that holds no stay"),
        (1, "second outcome of a RecordID"),
        (2, "RecordID stands in a second file"),
        (1, "no measurement"),
        (1, "outcome without a file"),
    ]


def test_set_b_is_read_where_it_is_and_needs_no_outcomes_of_all(tmp_path: Path) -> None:
    root = laid(tmp_path / "data", {"1.txt": FIRST, "2.txt": SECOND})
    (root / "set-b").mkdir()
    (root / "set-b/3.txt").write_text(STAY.format(3, 1) + "00:10,HR,70\n")
    cohort = CinC2012(root)
    assert cohort.samples(cohort.target(None))[0].height == 2
    (root / "Outcomes-b.txt").write_text(OUTCOMES.splitlines()[0] + "\n")
    cohort = CinC2012(root)
    table = cohort.samples(cohort.target(None))[0]
    assert table.select("sample_id", "died").rows()[-1] == ("3", None)


def test_windows_line_ends_and_a_missing_last_one(tmp_path: Path) -> None:
    cohort = CinC2012(laid(tmp_path, {"1.txt": FIRST.replace("\n", "\r\n"), "2.txt": SECOND.rstrip("\n")}))
    table, left = cohort.samples(cohort.target(None))
    assert (table.height, left) == (2, [])


def archive(name: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(FIRST)
        tar.addfile(member, io.BytesIO(FIRST.encode()))
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "cut", "words"),
    [("../1.txt", 0, "climbs out"), ("set-a/1.txt", 4, "truncated"), ("set-a/1.txt", 150, "truncated")],
)
def test_an_archive_that_climbs_or_breaks_off(tmp_path: Path, name: str, cut: int, words: str) -> None:
    (tmp_path / "Outcomes-a.txt").write_text(OUTCOMES)
    data = archive(name)
    (tmp_path / "set-a.tar.gz").write_bytes(data[: len(data) - cut])
    cohort = CinC2012(tmp_path)
    with pytest.raises(InputError, match=words):
        cohort.samples(cohort.target(None))


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (OUTCOMES.replace("Length_of_stay", "LOS"), r"Outcomes-a\.txt has no column 'Length_of_stay'"),
        (OUTCOMES.replace(",0\n", ",alive\n"), "a word where a number belongs"),
    ],
)
def test_outcomes_that_are_not_as_published(tmp_path: Path, outcomes: str, words: str) -> None:
    cohort = CinC2012(laid(tmp_path, {"1.txt": FIRST}, outcomes))
    with pytest.raises(InputError, match=words):
        cohort.samples(cohort.target(None))


def test_no_set_at_all_and_files_without_a_column(tmp_path: Path) -> None:
    (tmp_path / "Outcomes-a.txt").write_text(OUTCOMES)
    cohort = CinC2012(tmp_path)
    with pytest.raises(InputError, match=r"holds no set-a\.tar\.gz"):
        cohort.samples(cohort.target(None))
    cohort = CinC2012(laid(tmp_path / "other", {"1.txt": FIRST.replace("Parameter", "Name")}))
    with pytest.raises(InputError, match="holds a stay: no column 'Parameter'"):
        cohort.samples(cohort.target(None))
