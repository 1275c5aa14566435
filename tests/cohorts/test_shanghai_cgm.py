"""The Shanghai data set: published counts, real texts, and files that are not as published."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medkd.cohorts.shanghai_cgm import ShanghaiCGM
from medkd.cohorts.shanghai_cgm.diet_text import eaten
from medkd.cohorts.shanghai_cgm.insulin_text import injected, pumped
from medkd.data.core.sample import check_samples
from medkd.errors import InputError


@pytest.fixture(scope="module")
def cohort(shared: Path) -> ShanghaiCGM:
    return ShanghaiCGM(shared / "data/cgm/shanghai")


def test_counts(cohort: ShanghaiCGM) -> None:
    people = cohort.people()
    assert people.height == 125
    assert dict(people.group_by("diabetes").agg(pl.col("subject_id").n_unique()).iter_rows()) == {
        "T1DM": 12,
        "T2DM": 100,
    }
    assert dict(people.group_by("diabetes").len().iter_rows()) == {"T1DM": 16, "T2DM": 109}
    readings = cohort.readings()
    assert readings.height == 128_157
    assert (readings["glucose"].min(), readings["glucose"].max()) == pytest.approx((39.6, 475.2))


@pytest.mark.parametrize("key", ["glucose30", "glucose60", "glucose"])
def test_samples_are_counted(cohort: ShanghaiCGM, key: str) -> None:
    target = cohort.target(key)
    table, left_out = cohort.samples(target)
    table = check_samples(table, target, key)
    assert table["subject_id"].n_unique() == 112
    assert table.group_by("subject_id").len()["len"].max() <= 200
    assert target.prediction_hour == 0
    # Together they are every half hour in which a sensor was read.
    rows = cohort.readings().select("series", (pl.col("minute") // 30).alias("half")).n_unique()
    assert table.height + sum(item.count for item in left_out) == rows


def test_the_target_is_the_reading_that_was_made_then(cohort: ShanghaiCGM) -> None:
    table, _ = cohort.samples(cohort.target("glucose60"))
    later = cohort.readings().select("series", minute=pl.col("minute") - 60, then="glucose")
    both = table.with_columns(minute=(pl.col("zero_hour") * 60).round(6)).join(later, on=["series", "minute"])
    assert both.height > 0.95 * table.height
    assert (both["then"] - both["glucose60"]).abs().max() < 1e-9


def test_no_two_patients_share_a_day(cohort: ShanghaiCGM) -> None:
    """Windows of a few hours are too alike to tell; 96 readings in a row are not."""
    days = (
        cohort.readings()
        .group_by("series", (pl.col("minute") // 1440).alias("day"), maintain_order=True)
        .agg(pl.col("glucose").cast(pl.String).str.join("|"), pl.len())
    )
    whole = days.filter(pl.col("len") == 96)
    assert whole.height > 1000
    assert whole["glucose"].n_unique() == whole.height


def test_logs(cohort: ShanghaiCGM) -> None:
    doses, meals = cohort.doses(), cohort.meals()
    assert doses["series"].n_unique() == 80
    assert dict(doses.filter(pl.col("value") > 0).group_by("variable").len().iter_rows()).keys() == {
        "bolus",
        "premixed",
        "basal",
    }
    assert doses.filter(pl.col("variable") != "basal")["value"].max() <= 28
    # A fifth of 4,350 entries say that a meal was not recorded, or not weighed.
    counts = dict(meals.group_by("variable").len().iter_rows())
    assert counts == {"mass": 3460, "unweighed": 888}


def test_a_recording_without_a_log_has_no_zero_either(cohort: ShanghaiCGM) -> None:
    events = cohort.events("insulin", pl.DataFrame())
    assert events is not None
    assert events.select(pl.col("series").n_unique()).collect().item() == 80


@pytest.mark.parametrize(
    ("text", "doses"),
    [
        ("Novolin R, 5 IU", [("bolus", 5.0)]),
        ("insulin aspart 70/30, 14 IU", [("premixed", 14.0)]),
        ("insulin aspart, 5 IU", [("bolus", 5.0)]),
        ("Humulin 70/30  8 IU", [("premixed", 8.0)]),
        ("insulin\xa0glargine, 19 IU", [("basal", 19.0)]),
        ("insulin glarigine, 12 IU", [("basal", 12.0)]),
        ("Gansulin 40R, 10 IU", [("premixed", 10.0)]),
        ("SciLin M30, 25 IU", [("premixed", 25.0)]),
        ("insulin detemir, 6 IU; Novolin R, 4 IU", [("basal", 6.0), ("bolus", 4.0)]),
        ("Humulin R, 2 IU, insulin degludec, 12 IU", [("bolus", 2.0), ("basal", 12.0)]),
        ("250ml 0.9% sodium chloride, 12 IU Novolin R, 7.5 ml 10% potassium chloride", [("bolus", 12.0)]),
        ("CSII - basal insulin (Novolin R, IU / H)", []),
    ],
)
def test_doses_as_written(text: str, doses: list[tuple[str, float]]) -> None:
    assert injected(pl.DataFrame({"text": [text]}), "text").select("variable", "value").rows() == doses


@pytest.mark.parametrize(
    ("english", "chinese", "meals"),
    [
        ("Buckwheat bread 15 g\nBoiled egg 40 g\nMilk 110 ml", None, [("mass", 165.0)]),
        ("Apple 100g", None, [("mass", 100.0)]),
        ("Latte 200ml with 6.5 g sugar ", None, [("mass", 206.5)]),
        ("data not available", "未记录", [("unweighed", 1.0)]),
        ("Data not available", None, [("unweighed", 1.0)]),
        ("A plate of pasta and an ice cream", "意面一盘", [("unweighed", 1.0)]),
        ("Fasting for medical examination", "体检空腹", []),
        (None, None, []),
    ],
)
def test_meals_as_written(english: str | None, chinese: str | None, meals: list[tuple[str, float]]) -> None:
    table = pl.DataFrame({"en": [english], "zh": [chinese]}, schema={"en": pl.String, "zh": pl.String})
    assert eaten(table, "en", "zh").rows() == meals


def test_a_pump_rate_is_not_believed_for_ever() -> None:
    hours = [0.25 * n for n in range(200)]
    table = pl.DataFrame({"series": "a", "minute": [60 * hour for hour in hours], "rate": ["0.8"] + [None] * 199})
    held = pumped(table, "rate")
    assert held["minute"].max() == 24 * 60
    assert set(held["value"]) == {0.2}


Change = Callable[[str], str]


def rewritten(shared: Path, folder: Path, change: Change, keep: int = 12) -> ShanghaiCGM:
    """A copy of some recordings, each file's text changed."""
    source = shared / "data/cgm/shanghai" / ShanghaiCGM.marker
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(folder / ShanghaiCGM.marker, "w") as new:
        for name in sorted(name for name in old.namelist() if name.endswith(".csv"))[:keep]:
            new.writestr(name, change(old.read(name).decode()))
    return ShanghaiCGM(folder)


def test_missing_column(shared: Path, tmp_path: Path) -> None:
    cohort = rewritten(shared, tmp_path, lambda text: text.replace("Dietary intake", "Diet"))
    with pytest.raises(InputError, match="has no column 'Dietary intake'"):
        cohort.readings()


def test_bad_timestamps_and_words_are_left_out(shared: Path, tmp_path: Path) -> None:
    whole = rewritten(shared, tmp_path, lambda text: text).readings().height

    def spoil(text: str) -> str:
        table = pl.read_csv(text.encode(), infer_schema=False).with_row_index("row")
        sensor = table.columns[2]
        date = pl.when(pl.col("row") == 4).then(pl.lit("yesterday")).otherwise("Date").alias("Date")
        glucose = pl.when(pl.col("row") == 6).then(pl.lit("err")).otherwise(sensor).alias(sensor)
        return table.with_columns(date, glucose).drop("row").write_csv()

    assert rewritten(shared, tmp_path, spoil).readings().height == whole - 24


def test_a_zip_that_is_cut_off(shared: Path, tmp_path: Path) -> None:
    shutil.copyfile(shared / "data/cgm/shanghai" / ShanghaiCGM.marker, tmp_path / ShanghaiCGM.marker)
    (tmp_path / ShanghaiCGM.marker).write_bytes((tmp_path / ShanghaiCGM.marker).read_bytes()[:5000])
    with pytest.raises(InputError, match="is truncated or damaged"):
        ShanghaiCGM(tmp_path).readings()
