"""MIMIC-III: the demo's counts, values as published, and tables that are not as published."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cli import main
from medkd.cohorts.mimic3 import MIMIC3
from medkd.data.core.sample import check_samples
from medkd.data.core.view import Part
from medkd.data.loading.store import prepare_chunk
from medkd.errors import InputError

DEMO = "data/icu/mimic-iii-clinical-database-demo-1.4"
SMALL = ("ICUSTAYS", "ADMISSIONS", "PATIENTS", "OUTPUTEVENTS", "DIAGNOSES_ICD", "NOTEEVENTS")
ALIVE = {"mortality_24h": (110, 33), "mortality_48h": (71, 26), "decompensation": (3394, 162)}


@pytest.fixture
def copy(shared: Path, tmp_path: Path) -> Path:
    """The small tables, writable."""
    folder = tmp_path / "mimic3"
    folder.mkdir()
    for name in SMALL:
        shutil.copyfile(shared / DEMO / f"{name}.csv.gz", folder / f"{name}.csv.gz")
    return folder


def edit(root: Path, name: str, **columns: pl.Expr) -> None:
    """Some columns of a table changed, in place."""
    path = root / f"{name}.csv.gz"
    table = pl.read_csv(path, infer_schema=False).with_columns(**columns)
    path.write_bytes(gzip.compress(table.write_csv().encode()))


def where_stay(stay: str, then: object) -> pl.Expr:
    return pl.when(pl.col("icustay_id") == stay).then(pl.lit(then))


def test_counts(shared: Path) -> None:
    cohort = MIMIC3(shared / DEMO)
    for key, (count, positive) in ALIVE.items():
        target = cohort.target(key)
        table, left = cohort.samples(target)
        table = check_samples(table, target, key)
        assert table.height == count
        assert table[target.columns[0]].sum() == positive
        assert "death" not in table.columns
    table, left = cohort.samples(cohort.target(None))
    assert table.height + sum(out.count for out in left) == 136
    assert [(out.count, out.reason) for out in left] == [
        (1, "younger than 18 years"),
        (12, "died before hour 24"),
        (13, "left before hour 24"),
    ]
    assert table["age"].is_between(18, 90).all()
    first = table.filter(pl.col("series") == "232110")
    assert first.select("subject_id", "sex", "site", "mortality").row(0) == ("10011", "female", "MICU", 1.0)
    length = cohort.samples(cohort.target("length_of_stay"))[0].filter(pl.col("series") == "232110")["length_of_stay"][
        0
    ]
    assert length == pytest.approx(13.8507, abs=1e-3)  # the published column los


def test_values_are_those_of_the_published_rows(shared: Path, tmp_path: Path) -> None:
    """Stay 232110 begins at 22:34; read off the tables by eye."""
    cohort = MIMIC3(shared / DEMO)
    table, _ = cohort.samples(cohort.target(None))
    extract = cohort.extract(table.filter(pl.col("series").is_in(["232110", "250305"])), tmp_path)
    rows = extract.samples.sort("series").to_dicts()
    parts = {
        "vitals": ("heart_rate", "sbp", "temperature", "age", "sex"),
        "labs": ("creatinine",),
        "nursing": ("urine_output", "gcs"),
    }
    grids = {}
    for name, variables in parts.items():
        (prepared,) = prepare_chunk(cohort.modalities()[name], [Part(name, variables, (-1, 23))], rows, extract.root)
        grids[name] = [values for values, _, _ in prepared]
    heart_rate, sbp, temperature, age, sex = grids["vitals"][0]
    assert heart_rate[:4].tolist() == [80.0, 81.0, 76.0, 79.0]
    assert sbp[:4].tolist() == [110.0, 103.0, 102.0, 107.0]
    assert temperature[2] == pytest.approx((97.4 - 32) / 1.8, abs=1e-3)
    assert np.isnan(temperature[1])
    assert age[1] == pytest.approx(36.2, abs=0.05)
    assert sex[1] == 0
    assert grids["labs"][0][0, 3] == pytest.approx(0.7)
    assert grids["nursing"][0][0, :3].tolist() == [220.0, 50.0, 50.0]
    assert grids["nursing"][1][1, 2] == 7.0


def test_codes_are_known_at_discharge_and_notes_are_none(shared: Path) -> None:
    cohort = MIMIC3(shared / DEMO)
    table, _ = cohort.samples(cohort.target(None))
    codes = cohort.events("codes", table)
    assert codes is not None
    held = codes.collect()
    of_stay = held.filter(pl.col("series") == "206504")
    assert "ICD9:99591" in of_stay["variable"].to_list()
    assert of_stay["hours"].unique().to_list() == [
        pytest.approx(212.08, abs=0.01)
    ]  # 2164-10-23 21:10 to 2164-11-01 17:15
    notes = cohort.events("notes", table)
    assert notes is not None
    assert notes.collect().is_empty()


def test_a_note_with_a_date_alone_is_known_when_the_day_is_over(copy: Path) -> None:
    """Stay 232110 begins at 22:34 on 14 August."""
    (copy / "NOTEEVENTS.csv.gz").unlink()
    (copy / "NOTEEVENTS.csv").write_text(
        "SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,ISERROR,TEXT\n"
        "10011,105331,2126-08-16,,,ECHO\n10011,105331,2126-08-15,2126-08-15 00:34:00,,here\n"
        "10011,105331,2126-08-15,2126-08-15 00:34:00,1,wrong\n"
    )
    cohort = MIMIC3(copy)
    assert "notes" in cohort.modalities()
    notes = cohort.events("notes", cohort.samples(cohort.target(None))[0])
    assert notes is not None
    assert sorted(notes.collect().rows(), key=lambda row: row[1]) == [
        ("232110", 2.0, "here"),
        ("232110", pytest.approx(49.43, abs=0.01), "ECHO"),
    ]


def test_missing_tables_are_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "build", "mimic3", "--root", str(copy), "--out", "built"]) == 0
    said = capsys.readouterr().out
    missing = (
        "vitals: no table chartevents",
        "labs: no table labevents",
        "nursing: no table chartevents",
        "notes: table noteevents is empty",
    )
    for line in missing:
        assert line in said
    assert "prepared  labs" not in said
    assert "prepared  notes" not in said
    assert "prepared  nursing, 110" in said
    assert "prepared  codes, 110 x 20" in said
    (copy / "ADMISSIONS.csv.gz").unlink()
    with pytest.raises(InputError, match="no table admissions"):
        MIMIC3(copy).samples(MIMIC3(copy).target(None))


@pytest.mark.parametrize(
    ("table", "column"), [("ICUSTAYS", "intime"), ("ADMISSIONS", "deathtime"), ("PATIENTS", "dob")]
)
def test_a_missing_column(copy: Path, table: str, column: str) -> None:
    path = copy / f"{table}.csv.gz"
    path.write_bytes(gzip.compress(pl.read_csv(path, infer_schema=False).drop(column).write_csv().encode()))
    cohort = MIMIC3(copy)
    with pytest.raises(InputError, match=f"no column '{column}'"):
        cohort.samples(cohort.target(None))


def test_bad_times_and_duplicates_are_counted(copy: Path) -> None:
    edit(copy, "ICUSTAYS", outtime=where_stay("232110", "soon").otherwise("outtime"))
    edit(copy, "ICUSTAYS", icustay_id=where_stay("206504", "264446").otherwise("icustay_id"))
    cohort = MIMIC3(copy)
    table, left = cohort.samples(cohort.target(None))
    counts = {out.reason: out.count for out in left}
    assert counts["stay whose times cannot be read, or that ends before it begins"] == 1
    assert counts["stay stands twice"] == 1
    assert table.height + sum(counts.values()) == 136


def test_a_duplicate_admission_adds_no_stay(copy: Path) -> None:
    path = copy / "ADMISSIONS.csv.gz"
    table = pl.read_csv(path, infer_schema=False)
    path.write_bytes(gzip.compress(pl.concat([table, table]).write_csv().encode()))
    cohort = MIMIC3(copy)
    assert cohort.samples(cohort.target(None))[0].height == 110


def test_an_unreadable_time_of_an_event_is_counted(copy: Path, tmp_path: Path) -> None:
    edit(
        copy, "OUTPUTEVENTS", charttime=pl.when(pl.col("row_id") == "6540").then(pl.lit("noon")).otherwise("charttime")
    )
    cohort = MIMIC3(copy)
    extract = cohort.extract(cohort.samples(cohort.target(None))[0], tmp_path)
    assert {out.reason: out.count for out in extract.aside}["nursing: no time"] == 1


def test_a_code_that_does_not_exist_is_counted(copy: Path, tmp_path: Path) -> None:
    edit(
        copy,
        "DIAGNOSES_ICD",
        icd9_code=pl.when(pl.col("row_id") == "112344").then(pl.lit("XYZ")).otherwise("icd9_code"),
    )
    cohort = MIMIC3(copy)
    extract = cohort.extract(cohort.samples(cohort.target(None))[0], tmp_path)
    assert {out.reason: out.count for out in extract.aside}["codes: no such code"] == 1


@pytest.mark.parametrize("name", ["ICUSTAYS", "OUTPUTEVENTS"])
def test_a_truncated_table_ends_in_one_line(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy / f"{name}.csv.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["cohort", "build", "mimic3", "--root", str(copy), "--out", "built"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert f"{name}.csv.gz is truncated or damaged" in said[0]
    assert not Path("built").exists()


def test_another_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no table icustays"):
        MIMIC3(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        MIMIC3(tmp_path / "nowhere")
