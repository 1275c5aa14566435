"""eICU: the demo's counts, values as published, and what is not there or cut."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import polars as pl
import pytest

from medkd.cohorts.eicu import EICU
from medkd.data.core.sample import check_samples
from medkd.errors import InputError

DEMO = "data/icu/eicu-demo-2.0.1-partial"


@pytest.fixture
def copy(shared: Path, tmp_path: Path) -> Path:
    """The patients alone, writable."""
    (tmp_path / "eicu").mkdir()
    shutil.copyfile(shared / DEMO / "patient.csv.gz", tmp_path / "eicu/patient.csv.gz")
    return tmp_path / "eicu"


def edit(root: Path, **columns: pl.Expr) -> None:
    path = root / "patient.csv.gz"
    path.write_bytes(gzip.compress(pl.read_csv(path, infer_schema=False).with_columns(**columns).write_csv().encode()))


def where_stay(stay: str, then: str | None) -> pl.Expr:
    return pl.when(pl.col("patientunitstayid") == stay).then(pl.lit(then))


def test_counts(shared: Path) -> None:
    cohort = EICU(shared / DEMO)
    for key, count, positive in (
        ("mortality_24h", 1605, 145),
        ("mortality_48h", 920, 108),
        ("decompensation", 34939, 631),
    ):
        target = cohort.target(key)
        table, left = cohort.samples(target)
        table = check_samples(table, target, key)
        assert (table.height, table[target.columns[0]].sum()) == (count, positive)
    table, left = cohort.samples(cohort.target(None))
    assert table.height + sum(out.count for out in left) == 2520
    assert {out.reason: out.count for out in left}["outcome not known"] == 28
    assert table["age"].max() == 90
    assert table["subject_id"].n_unique() == 1315


def test_values_units_and_what_is_cut(shared: Path, tmp_path: Path) -> None:
    cohort = EICU(shared / DEMO)
    table, _ = cohort.samples(cohort.target(None))
    cuff = cohort.events("vitals", table)
    assert cuff is not None
    first = cuff.filter((pl.col("series") == "141765") & (pl.col("hours") >= 0)).collect()
    published = pl.read_csv(shared / DEMO / "vitalAperiodic.csv.gz", infer_schema=False).filter(
        (pl.col("patientunitstayid") == "141765") & pl.col("observationoffset").cast(pl.Int64).is_between(0, 2250)
    )
    assert first.filter(pl.col("variable") == "sbp").height == published["noninvasivesystolic"].count()
    assert first.filter(pl.col("variable") == "age")["value"].to_list() == [87.0]
    extract = cohort.extract(table, tmp_path)
    said = {out.reason for out in extract.aside}
    assert {
        "labs: a part of table lab only",
        "vitals: no table vitalPeriodic",
        "vitals: no table nurseCharting",
    } <= said
    assert extract.samples["labs"].count() == 110
    assert not any("unit not known" in line or "variable not used" in line for line in said)


def test_diagnoses_and_notes_at_the_hours_they_were_entered(shared: Path) -> None:
    cohort = EICU(shared / DEMO)
    table, _ = cohort.samples(cohort.target(None))
    codes = cohort.events("codes", table)
    notes = cohort.events("notes", table)
    assert codes is not None
    assert notes is not None
    held = codes.filter(pl.col("series") == "346380").collect()
    assert ("346380", pytest.approx(5028 / 60), "ICD9:4019") in held.rows()
    assert set(codes.collect()["variable"].str.split(":").list.first()) == {"ICD9", "ICD10"}
    line = notes.filter(pl.col("series") == "157427").collect().sort("hours").row(0)
    assert line[1] == pytest.approx(8 / 60)  # written for minute 1, entered at minute 8


def test_bad_ids_times_and_outcomes_are_counted(copy: Path) -> None:
    edit(copy, unitdischargeoffset=where_stay("141765", "later").otherwise("unitdischargeoffset"))
    edit(copy, patientunitstayid=where_stay("143870", None).otherwise("patientunitstayid"))
    edit(
        copy,
        uniquepid=where_stay("144815", None).otherwise("uniquepid"),
        age=where_stay("147784", "old").otherwise("age"),
    )
    table, left = EICU(copy).samples(EICU(copy).target(None))
    counts = {out.reason: out.count for out in left}
    assert counts["stay whose times cannot be read, or that ends before it begins"] == 1
    assert counts["stay without an id of stay or patient"] == 2
    assert table.filter(pl.col("series") == "147784")["age"].to_list() == [None]
    assert table.height + sum(counts.values()) == 2520


def test_without_other_tables_age_and_sex_are_left(copy: Path, tmp_path: Path) -> None:
    cohort = EICU(copy)
    assert set(cohort.modalities()) == {"vitals", "nursing"}  # weight and height stand with the patient
    extract = cohort.extract(cohort.samples(cohort.target(None))[0], tmp_path)
    assert "vitals: no table vitalAperiodic" in {out.reason for out in extract.aside}
    assert cohort.events("codes", extract.samples) is None
    assert cohort.events("notes", extract.samples) is None


def test_a_missing_column_and_a_missing_table(copy: Path) -> None:
    path = copy / "patient.csv.gz"
    path.write_bytes(gzip.compress(pl.read_csv(path, infer_schema=False).drop("uniquepid").write_csv().encode()))
    cohort = EICU(copy)
    with pytest.raises(InputError, match="no column 'uniquepid'"):
        cohort.samples(cohort.target(None))
    path.unlink()
    with pytest.raises(InputError, match="holds no table patient"):
        EICU(copy)
