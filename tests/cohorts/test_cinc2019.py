"""PhysioNet/CinC 2019: counts, the hour at which sepsis begins, and files that are not as published."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cohorts.cinc2019 import _COLUMNS, EARLY, SEEN, CinC2019
from medkd.data.core.sample import check_samples
from medkd.data.core.view import Part
from medkd.errors import InputError


def stay(hours: int, labelled: int | None = None, first: int = 1, **values: str) -> str:
    """A file: ``values`` stand in every row, everything else is not measured."""
    lines = ["|".join(_COLUMNS)]
    for hour in range(first, hours + 1):
        label = int(labelled is not None and hour >= labelled)
        row = {
            "Age": "60",
            "Gender": "1",
            "Unit1": "1",
            "Unit2": "0",
            "HR": "80",
            **values,
            "ICULOS": str(hour),
            "SepsisLabel": str(label),
        }
        lines.append("|".join(row.get(column, "NaN") for column in _COLUMNS))
    return "\n".join(lines) + "\n"


def laid(root: Path, files: Mapping[str, str], place: str = "training_setB") -> Path:
    (root / place).mkdir(parents=True)
    for name, text in files.items():
        (root / place / f"{name}.psv").write_text(text)
    return root


@pytest.fixture(scope="module")
def published(shared: Path) -> CinC2019:
    return CinC2019(shared / "data/icu/cinc2019")


def test_counts_of_one_sample_a_stay(published: CinC2019) -> None:
    target = published.target(None)
    table, left = published.samples(target)
    check_samples(table, target, target.key)
    assert (table.height, table["sepsis"].sum()) == (7055, 286)
    assert [(out.count, out.reason) for out in left] == [
        (114, "sepsis at or before hour 12"),
        (99, "stay that ends before hour 12"),
        (3, "no row in the first 12 hours"),
    ]
    assert table["age"].max() == 90
    assert set(table["sex"]) == {"female", "male"}
    assert set(table["site"]) == {"medical ICU", "surgical ICU", None}


def test_counts_and_labels_agree_with_the_published_column(published: CinC2019, shared: Path) -> None:
    """400 stays are ever labelled; and ``sepsis6h`` is the published SepsisLabel at the hour that is asked."""
    lines = {}
    with zipfile.ZipFile(shared / "data/icu/cinc2019/training_setB.zip") as archive:
        for name in archive.namelist():
            rows = [line.split("|") for line in archive.read(name).decode().splitlines()[1:]]
            lines[Path(name).stem] = {int(row[-2]): float(row[-1]) for row in rows}
    assert (len(lines), sum(max(labels.values()) for labels in lines.values())) == (7271, 400)
    target = published.target("sepsis6h")
    table, _ = published.samples(target)
    check_samples(table, target, target.key)
    asked = (table["zero_hour"] + SEEN).cast(pl.Int64)
    assert set(asked % EARLY) == {0}
    assert asked.min() == SEEN
    expected = [lines[subject][hour] for subject, hour in zip(table["subject_id"], asked, strict=True)]
    assert table["sepsis6h"].to_list() == expected
    assert table.group_by("subject_id").agg(pl.col("sepsis6h").sum())["sepsis6h"].max() == 1


def test_a_stay_as_it_stands_in_its_file(published: CinC2019, tmp_path: Path) -> None:
    table, _ = published.samples(published.target(None))
    made = published.extract(table.filter(pl.col("sample_id") == "p100002"), tmp_path)
    (row,) = made.samples.to_dicts()
    vitals = published.modalities()["vitals"]
    grid = vitals.prepare(
        vitals.select(vitals.read(row, made.root), Part("vitals", ("heart_rate", "spo2", "age", "sex")))
    )
    assert grid.shape == (4, 12)
    with zipfile.ZipFile(published.root / "training_setB.zip") as archive:
        rows = [line.split("|") for line in archive.read("training_setB/p100002.psv").decode().splitlines()[1:]]
    expected = np.full((2, 12), np.nan, np.float32)
    for values in rows:
        if (hour := int(values[-2])) <= 12:
            expected[:, hour - 1] = [float(values[0]), float(values[1])]
    np.testing.assert_array_equal(grid[:2], expected)
    assert (grid[2, 0], grid[3, 0]) == (row["age"], {"male": 1, "female": 0}[row["sex"]])


def test_sepsis_begins_six_hours_after_the_label(tmp_path: Path) -> None:
    files = {
        "p1": stay(30, labelled=7),
        "p2": stay(30, labelled=6),
        "p3": stay(30),
        "p4": stay(11),
        "p5": stay(12),
        "p6": stay(30, labelled=8, first=8),
        "p7": stay(30, first=13),
        "p8": stay(30, labelled=30),
    }
    cohort = CinC2019(laid(tmp_path, files))
    table, left = cohort.samples(cohort.target("sepsis"))
    assert dict(table.select("sample_id", "sepsis").iter_rows()) == {"p1": 1, "p3": 0, "p5": 0, "p8": 1}
    assert {out.reason: out.count for out in left} == {
        "sepsis at or before hour 12": 1,
        "labelled from its first row: when sepsis begins is not known": 1,
        "stay that ends before hour 12": 1,
        "no row in the first 12 hours": 1,
    }
    table, left = cohort.samples(cohort.target("sepsis6h"))
    assert table.filter(pl.col("subject_id") == "p1").select("zero_hour", "sepsis6h").rows() == [(0.0, 1.0)]
    assert table.filter(pl.col("subject_id") == "p8").select("zero_hour", "sepsis6h").rows() == [
        (0, 0),
        (6, 0),
        (12, 0),
        (18, 1),
    ]
    assert table.filter(pl.col("subject_id") == "p7")["zero_hour"].to_list() == [6, 12, 18]


def test_the_hours_after_the_question_change_no_sample(tmp_path: Path) -> None:
    """Rows after a question, whatever stands in them, change neither its features nor whether it is asked."""
    calm = stay(18)
    wild = calm + "".join(stay(30, first=19, HR="200", Age="60").partition("\n")[2])
    grids = []
    for name, text in (("calm", calm), ("wild", wild)):
        cohort = CinC2019(laid(tmp_path / name, {"p1": text}))
        table, _ = cohort.samples(cohort.target("sepsis6h"))
        made = cohort.extract(table, tmp_path / name / "events")
        vitals = cohort.modalities()["vitals"]
        rows = made.samples.filter(pl.col("zero_hour") <= 6).to_dicts()
        grids.append(
            [vitals.prepare(vitals.select(vitals.read(row, made.root), Part("vitals", (), (0, SEEN)))) for row in rows]
        )
    assert len(grids[0]) == len(grids[1]) == 2
    np.testing.assert_array_equal(grids[0], grids[1])
    assert np.nanmax(grids[1]) == 80


def test_both_sets_packed_or_not_make_one_cohort(tmp_path: Path) -> None:
    laid(tmp_path, {"p100001": stay(20)})
    with zipfile.ZipFile(tmp_path / "training_setA.zip", "w") as archive:
        archive.writestr("training/p000001.psv", stay(20, labelled=15))
    cohort = CinC2019(tmp_path)
    table, _ = cohort.samples(cohort.target(None))
    assert table.select("sample_id", "sepsis").rows() == [("p000001", 1.0), ("p100001", 0.0)]


def test_files_and_values_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    files = {
        "p1": stay(20, HR="fast", Temp="98.6", FiO2="40"),
        "p2": stay(20).replace("|2|0\n", "|two|0\n"),
        "p3": stay(20).replace("SepsisLabel", "Label"),
        "p4": stay(20).replace("|20|0\n", "|20|9\n"),
        "p5": stay(20).partition("\n")[0],
    }
    root = laid(tmp_path / "data", files)
    (root / "training_setB/twice").mkdir()
    (root / "training_setB/twice/p1.psv").write_text(stay(20))
    cohort = CinC2019(root)
    table, left = cohort.samples(cohort.target(None))
    assert table["sample_id"].to_list() == ["p1"]
    assert {out.reason: out.count for out in left} == {
        "file that holds no stay": 2,
        "stay stands in a second file": 1,
        "an hour or a label that cannot be read": 2,
    }
    aside = {out.reason: out.count for out in cohort.extract(table, tmp_path / "events").aside}
    assert aside == {
        "vitals: no number": 20,
        "vitals: outside plausible limits": 20,
        "nursing: outside plausible limits": 20,
    }


def test_a_column_that_no_file_has_is_named(tmp_path: Path) -> None:
    cohort = CinC2019(laid(tmp_path, {"p1": stay(20).replace("O2Sat", "SpO2")}))
    with pytest.raises(InputError, match="no column 'O2Sat'"):
        cohort.samples(cohort.target(None))


def test_a_folder_with_neither_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no training_setA or training_setB"):
        CinC2019(tmp_path)


@pytest.mark.parametrize(("damage", "words"), [("climb", "climbs out"), ("cut", "truncated or damaged")])
def test_a_zip_that_climbs_or_breaks_off(tmp_path: Path, damage: str, words: str) -> None:
    path = tmp_path / "training_setB.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../p1.psv" if damage == "climb" else "p1.psv", stay(20))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    cohort = CinC2019(tmp_path)
    with pytest.raises(InputError, match=words):
        cohort.samples(cohort.target(None))
