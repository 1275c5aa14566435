"""PTB-XL: counts, columns, and what happens to a file that is not as published."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from medkd.cohorts.ptbxl import PTBXL, SUPERCLASSES
from medkd.data.core.sample import check_samples
from medkd.errors import InputError

COUNTS = {"NORM": 297, "STTC": 96, "CD": 78, "MI": 73, "HYP": 40}


@pytest.fixture
def copy(shared: Path, tmp_path: Path) -> Path:
    """The two tables, writable, without the records."""
    (tmp_path / "ptbxl/records100").mkdir(parents=True)
    for name in ("ptbxl_database.csv", "scp_statements.csv"):
        shutil.copyfile(shared / "data/ecg/ptbxl" / name, tmp_path / "ptbxl" / name)
    return tmp_path / "ptbxl"


def test_counts_and_columns(shared: Path) -> None:
    cohort = PTBXL(shared / "data/ecg/ptbxl")
    for key, target in cohort.targets().items():
        table, exclusions = cohort.samples(target)
        table = check_samples(table, target, key)
        assert table.height == 488
        assert [(exclusion.count, exclusion.reason) for exclusion in exclusions] == [(12, "no diagnostic statement")]
        assert {name: table[name].sum() for name in SUPERCLASSES} == COUNTS
    assert table["subject_id"].n_unique() < 488
    assert table["sex"].value_counts().height == 2
    assert set(table["official_fold"]) == set(range(1, 11))
    assert table["sample_id"][0] == "00001"
    assert table["age"].max() <= 90
    assert all((cohort.root / f"{path}.dat").is_file() for path in table["ecg"])
    assert cohort.default_protocol == "kfold:5"
    assert cohort.target("cd").key == "CD"
    assert cohort.target(None).outputs == 5


def test_counts_agree_with_the_published_ones(shared: Path) -> None:
    """Sex by the publisher's coding: 0 is male."""
    table, _ = PTBXL(shared / "data/ecg/ptbxl").samples(PTBXL(shared / "data/ecg/ptbxl").target("CD"))
    first = table.filter(pl.col("sample_id") == "00001")
    assert first.select("age", "sex", "site", "official_fold", "subject_id").row(0) == (56.0, "female", "0", 3, "15709")


def test_ages_above_89_and_the_official_folds(copy: Path) -> None:
    path = copy / "ptbxl_database.csv"
    whole = pl.read_csv(path, infer_schema=False)
    many = pl.concat(
        [whole.with_columns(patient_id=pl.lit(f"{block}") + pl.col("patient_id")) for block in range(1, 6)]
    )
    many = many.with_columns(ecg_id=pl.int_range(1, pl.len() + 1).cast(pl.String), age=pl.lit("300.0"))
    many.write_csv(path)
    cohort = PTBXL(copy)
    assert cohort.default_protocol == "official"
    assert set(cohort.samples(cohort.target(None))[0]["age"]) == {90.0}


def test_records500_is_read_when_asked(copy: Path) -> None:
    with pytest.raises(InputError, match="holds no records500"):
        PTBXL(copy, sampling=500)
    (copy / "records500").mkdir()
    table, _ = PTBXL(copy, sampling=500).samples(PTBXL(copy).target("CD"))
    assert table["ecg"][0] == "records500/00000/00001_hr"


def test_statements_are_never_executed(copy: Path) -> None:
    path = copy / "ptbxl_database.csv"
    path.write_text(path.read_text().replace("{'NORM': 80.0, 'SBRAD': 0.0}", "__import__('os').abort()", 1))
    cohort = PTBXL(copy)
    with pytest.raises(InputError, match="scp_codes of ECG 2"):
        cohort.samples(cohort.target("CD"))


@pytest.mark.parametrize("column", ["patient_id", "scp_codes", "strat_fold"])
def test_missing_column(copy: Path, column: str) -> None:
    path = copy / "ptbxl_database.csv"
    pl.read_csv(path, infer_schema=False).drop(column).write_csv(path)
    cohort = PTBXL(copy)
    with pytest.raises(InputError, match=f"no column '{column}'"):
        cohort.samples(cohort.target("CD"))


def test_word_instead_of_a_number(copy: Path) -> None:
    path = copy / "ptbxl_database.csv"
    pl.read_csv(path, infer_schema=False).with_columns(age=pl.lit("old")).write_csv(path)
    cohort = PTBXL(copy)
    with pytest.raises(InputError, match="a word where a number belongs"):
        cohort.samples(cohort.target("CD"))


def test_missing_statements(copy: Path) -> None:
    (copy / "scp_statements.csv").unlink()
    cohort = PTBXL(copy)
    with pytest.raises(InputError, match="no such file"):
        cohort.samples(cohort.target("CD"))


def test_folder_without_the_marker(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no ptbxl_database\.csv"):
        PTBXL(tmp_path)


def test_unknown_target_names_the_nearest(shared: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'STTC'"):
        PTBXL(shared / "data/ecg/ptbxl").target("STTT")
