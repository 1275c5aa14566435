"""MEDS: the demo as it is, and data sets with shards, splits, labels and codes of their own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from medkd.cli import main
from medkd.cohorts.meds import MEDS
from medkd.cohorts.meds.admissions import DEATH
from medkd.cohorts.meds.predictions import write_meds_predictions
from medkd.cohorts.meds.reading import FOLDS, METADATA, SPLITS
from medkd.data.core.sample import check_samples
from medkd.data.splits.draw import draw_split
from medkd.errors import InputError

DEMO = "data/icu/mimic-iv-demo-meds"
DAY = datetime(2100, 1, 2)


def subject(number: int, dies: bool) -> pl.DataFrame:
    """Born, admitted on 1 January 2100 at noon, measured at 13:00 and a week before, discharged after three days."""
    rows = [
        (number, None, "GENDER//F", None),
        (number, datetime(2040, 1, 1), "MEDS_BIRTH", None),
        (number, datetime(2099, 12, 25), "LAB//50912//mg/dL", 9.0),
        (number, datetime(2100, 1, 1, 12), "HOSPITAL_ADMISSION//URGENT", None),
        (number, datetime(2100, 1, 1, 13), "LAB//50912//mg/dL", 1.0 + number),
        (number, datetime(2100, 1, 1, 13), "LAB//220045//bpm", 80.0),
        (number, datetime(2100, 1, 4, 12), "DIAGNOSIS//ICD//9//4280", None),
        (number, datetime(2100, 1, 4), "HOSPITAL_DISCHARGE//DIED" if dies else "HOSPITAL_DISCHARGE//HOME", None),
        *([(number, datetime(2100, 1, 4, 9), "MEDS_DEATH", None)] if dies else []),
    ]
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("time", nulls_last=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Forty subjects in two shards, every fourth of whom dies, with published parts.

    The second shard has a column of its own.
    """
    folder = tmp_path / "meds"
    for shard in range(2):
        table = pl.concat([subject(number, number % 4 == 0) for number in range(20 * shard, 20 * shard + 20)])
        path = folder / f"data/train/{shard}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        (table.with_columns(text_value=pl.lit("x")) if shard else table).write_parquet(path)
    parts = ["train"] * 24 + ["tuning"] * 8 + ["held_out"] * 8
    (folder / "metadata").mkdir()
    pl.DataFrame({"subject_id": range(40), "split": parts}).write_parquet(folder / "metadata/subject_splits.parquet")
    return folder


def label(root: Path, name: str, **answers: object) -> None:
    path = root / "labels" / name / "shard/0.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"subject_id": list(range(40)), "prediction_time": [DAY] * 40, **answers}).with_columns(
        pl.col("prediction_time").cast(pl.Datetime("us"))
    ).write_parquet(path)


def test_the_demo_says_what_departs_and_builds(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "build", "meds", "--root", str(shared / DEMO), "--out", "built"]) == 0
    said = capsys.readouterr().out
    assert "values stand in column 'value'; MEDS calls it 'numeric_value'" in said
    assert "there is no metadata/subject_splits.parquet" in said
    table = pl.read_parquet("built/samples.parquet")
    assert (table.height, table["label"].sum()) == (244, 14)
    assert table["sex"].null_count() == 0
    assert table["age"].is_between(18, 90).all()
    assert table["labs"].count() > 200


def test_shards_parts_and_mortality_without_labels(root: Path, tmp_path: Path) -> None:
    cohort = MEDS(root)
    target = cohort.target(None)
    table = check_samples(cohort.samples(target)[0], target, "meds")
    assert target.key == "mortality_24h"
    assert (table.height, table["label"].sum()) == (40, 10)
    assert table["age"][0] == pytest.approx(60, abs=0.01)
    assert table["sex"].unique().to_list() == ["female"]
    assert table["time"][0] == datetime(2100, 1, 2, 12)
    split = draw_split(table, target, cohort.default_protocol, 0, cohort.official_folds)
    assert (split.protocol, split.role("test", [0]).height) == ("official", 8)
    extract = cohort.extract(table, tmp_path)
    assert [out.reason for out in extract.aside] == []
    labs = cohort.events("labs", table)
    assert labs is not None
    one = labs.filter(pl.col("series").str.starts_with("7-")).collect().sort("hours")
    assert one["hours"].to_list() == [1.0]  # what lies longer ago than six days before admission is not kept
    assert one["value"].to_list() == [8.0]


def test_labels_are_targets(root: Path) -> None:
    label(root, "dies", boolean_value=[number % 4 == 0 for number in range(40)])
    label(root, "ward", categorical_value=[None, *["b", "a", "c"] * 13])
    label(root, "stay", float_value=[float(number) for number in range(40)])
    cohort = MEDS(root)
    assert {key: target.kind for key, target in cohort.targets().items()} == {
        "dies": "binary",
        "stay": "regression",
        "ward": "multiclass",
    }
    dies, _ = cohort.samples(cohort.target("dies"))
    assert dies["label"].to_list() == [float(number % 4 == 0) for number in range(40)]
    assert dies["sample_id"][3] == "3-2100-01-02T00:00:00"
    assert cohort.target("ward").classes == ("a", "b", "c")
    assert cohort.samples(cohort.target("ward"))[0]["label"].to_list()[:4] == [None, 1.0, 0.0, 2.0]
    heart = cohort.events("vitals", dies)
    assert heart is not None
    hours = heart.filter((pl.col("variable") == "heart_rate") & pl.col("series").str.starts_with("3-")).collect()[
        "hours"
    ]
    assert hours.to_list() == [13.0]  # time zero is a day before prediction_time


def test_codes_of_the_users_own(root: Path) -> None:
    (root / "codes.yaml").write_text("labs:\n  LAB//50912: creatinine [umol/L]\n")
    cohort = MEDS(root)
    table, _ = cohort.samples(cohort.target(None))
    assert set(cohort.modalities()) == {"vitals", "labs", "codes"}
    held = cohort.events("labs", table)
    assert held is not None
    assert set(held.collect()["unit"]) == {"umol/L"}
    (root / "codes.yaml").write_text("labs: LAB//50912\n")
    with pytest.raises(InputError, match="is not a table of codes"):
        MEDS(root).modalities()


def test_diagnoses(root: Path) -> None:
    cohort = MEDS(root)
    held = cohort.events("codes", cohort.samples(cohort.target(None))[0])
    assert held is not None
    assert held.select("hours", "variable").unique().collect().rows() == [(72.0, "ICD9:4280")]


@pytest.mark.parametrize("column", ["subject_id", "time", "code", "numeric_value"])
def test_a_missing_column(root: Path, column: str) -> None:
    for path in (root / "data").rglob("*.parquet"):
        pl.read_parquet(path).drop(column).write_parquet(path)
    with pytest.raises(InputError, match=f"no column '{column}'"):
        MEDS(root).samples(MEDS(root).target(None))


def test_damaged_files(root: Path) -> None:
    path = root / "data/train/0.parquet"
    held = path.read_bytes()
    path.write_bytes(held[: len(held) // 2])
    with pytest.raises(InputError, match="is not Parquet"):
        MEDS(root).samples(MEDS(root).target(None))


def test_times_that_are_text(root: Path) -> None:
    for path in (root / "data").rglob("*.parquet"):
        pl.read_parquet(path).with_columns(pl.col("time").cast(pl.String)).write_parquet(path)
    with pytest.raises(InputError, match="column 'time' holds String"):
        MEDS(root).samples(MEDS(root).target(None))


def test_parts_that_cannot_be(root: Path) -> None:
    path = root / "metadata/subject_splits.parquet"
    table = pl.read_parquet(path)
    table.head(39).write_parquet(path)
    _, left = MEDS(root).samples(MEDS(root).target(None))
    assert [(out.count, out.reason) for out in left] == [(1, "subject in no part of the published split")]
    pl.concat([table, table.head(1).with_columns(split=pl.lit("held_out"))]).write_parquet(path)
    with pytest.raises(InputError, match="2 rows put a subject in two parts"):
        MEDS(root).samples(MEDS(root).target(None))
    table.with_columns(split=pl.lit("dev")).write_parquet(path)
    with pytest.raises(InputError, match="unknown part 'dev'"):
        MEDS(root).samples(MEDS(root).target(None))


def test_labels_that_cannot_be(root: Path) -> None:
    label(root, "both", boolean_value=[True] * 40, float_value=[1.0] * 40)
    with pytest.raises(InputError, match="2 columns of answers"):
        MEDS(root).targets()


def test_neither_labels_nor_admissions(root: Path) -> None:
    for path in (root / "data").rglob("*.parquet"):
        pl.read_parquet(path).filter(~pl.col("code").str.starts_with("HOSPITAL")).write_parquet(path)
    with pytest.raises(InputError, match="neither labels nor a code HOSPITAL_ADMISSION"):
        MEDS(root).samples(MEDS(root).target(None))


def test_no_events(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no data/\*\*/\*.parquet"):
        MEDS(tmp_path)


def test_predictions_in_the_schema_of_the_standard(root: Path, tmp_path: Path) -> None:
    label(root, "dies", boolean_value=[None, *[number % 4 == 0 for number in range(1, 40)]])
    cohort = MEDS(root)
    table, _ = cohort.samples(cohort.target("dies"))
    scores = table.select("sample_id", probability=pl.int_range(pl.len()) / 40).reverse()
    out = tmp_path / "scores/dies.parquet"
    write_meds_predictions(scores, table, out, threshold=0.25)
    held = pl.read_parquet(out)
    assert held.schema == {
        "subject_id": pl.Int64,
        "prediction_time": pl.Datetime("us"),
        "boolean_value": pl.Boolean,
        "predicted_boolean_value": pl.Boolean,
        "predicted_boolean_probability": pl.Float64,
    }
    assert held.row(0) == (0, DAY, None, False, 0.0)
    assert held.row(20) == (20, DAY, True, True, 0.5)
    assert held["predicted_boolean_value"].sum() == 30
    with pytest.raises(InputError, match="outside 0 to 1"):
        write_meds_predictions(scores.with_columns(pl.col("probability") - 1), table, out)
    with pytest.raises(InputError, match="1 predictions are of unknown samples"):
        write_meds_predictions(scores, table.head(39), out)
    assert pl.read_parquet(out).equals(held)


def test_names_and_files_are_those_of_the_standards_own_package(root: Path) -> None:
    meds = pytest.importorskip("meds")
    parquet = pytest.importorskip("pyarrow.parquet")
    assert (meds.dataset_metadata_filepath, meds.subject_splits_filepath) == (METADATA, SPLITS)
    assert set(FOLDS) == {meds.train_split, meds.tuning_split, meds.held_out_split}
    assert meds.death_code == DEATH
    path = root / "labels/theirs/0.parquet"
    path.parent.mkdir(parents=True)
    asked = pl.DataFrame({"subject_id": [1, 2], "prediction_time": [DAY, DAY], "integer_value": [3, 4]}).to_arrow()
    parquet.write_table(meds.LabelSchema.align(asked), path)
    table, _ = MEDS(root).samples(MEDS(root).target("theirs"))
    assert table["label"].to_list() == [3.0, 4.0]


def test_the_unit_in_a_code_or_a_column_is_that_of_its_values(root: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted((root / "data").rglob("*.parquet"))):
        table = pl.read_parquet(path).with_columns(pl.col("numeric_value").cast(pl.Float64 if number else pl.Float32))
        code = "LAB//50912//furlong" if number else "LAB//50912//umol/L"
        table.with_columns(pl.col("code").replace("LAB//50912//mg/dL", code)).write_parquet(path)
    cohort = MEDS(root)
    table, _ = cohort.samples(cohort.target(None))
    extract = cohort.extract(table, tmp_path / "out", ["labs"])
    values = pl.read_parquet(tmp_path / "out/labs/*.parquet")["value"]
    # 1 to 20 umol/L is 0.01 to 0.23 mg/dL, of which what lies below 0.05 is not plausible.
    assert values.is_between(0.05, 0.24).all()
    aside = {item.reason: item.count for item in extract.aside}
    assert aside["labs: unit not known"] == 20
    assert len(values) + aside["labs: outside plausible limits"] == 20


def test_durations_in_the_place_of_times_and_damage_found_late_are_one_sentence(root: Path) -> None:
    path = root / "data/train/0.parquet"
    table = pl.read_parquet(path)
    table.with_columns(pl.col("time") - datetime(2000, 1, 1)).write_parquet(path)
    with pytest.raises(InputError, match="column 'time' holds Duration"):
        MEDS(root).modalities()
    table.with_columns(pl.lit("patient 1").alias("subject_id")).write_parquet(path)
    with pytest.raises(InputError, match="events cannot be read") as raised:
        MEDS(root).samples(MEDS(root).target(None))
    assert "\n" not in str(raised.value)
