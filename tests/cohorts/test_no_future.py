"""A patient's future never reaches its features.

Whatever happens after the question, the arrays before it stay the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from medkd.cohorts.meds import MEDS
from medkd.cohorts.mimic3 import MIMIC3
from medkd.data.core.view import Part
from medkd.data.events.event_cohort import EventCohort
from medkd.data.loading.store import prepare_chunk

SERIES = ("ICUSTAYS", "ADMISSIONS", "PATIENTS", "DIAGNOSES_ICD")
TIMED = {"CHARTEVENTS": "valuenum", "LABEVENTS": "valuenum", "OUTPUTEVENTS": "value", "NOTEEVENTS": "text"}
"""Tables of events, and their column of numbers, or of text."""
WINDOW = (0.0, 24.0)
FORMAT = "%Y-%m-%d %H:%M:%S"
Tables = dict[str, pl.DataFrame]
Arrays = dict[tuple[str, str], NDArray[np.float32]]


@pytest.fixture(scope="module")
def tables(shared: Path) -> Tables:
    """Five patients of the demo with one stay each that lasts longer than two days.

    The demo has no notes, so they are given some.
    """
    demo = shared / "data/icu/mimic-iii-clinical-database-demo-1.4"
    read = {
        name: pl.read_csv(demo / f"{name}.csv.gz", infer_schema=False)
        for name in (*SERIES, *TIMED)
        if name != "NOTEEVENTS"
    }
    stays = (
        read["ICUSTAYS"].filter(~pl.col("subject_id").is_duplicated() & (pl.col("los").cast(pl.Float64) > 2)).head(5)
    )
    held = {
        name: table.filter(pl.col("subject_id").is_in(stays["subject_id"].implode())) for name, table in read.items()
    }
    begin = pl.col("intime").str.to_datetime(FORMAT)
    notes = [
        stays.select(
            "subject_id",
            "hadm_id",
            chartdate=begin.dt.truncate("1d").dt.to_string(FORMAT),
            charttime=(begin + timedelta(hours=hour)).dt.to_string(FORMAT),
            iserror=pl.lit(None, dtype=pl.String),
            text=pl.lit(f"note of hour {hour}"),
        )
        for hour in (2, 3, 20, 30, 50)
    ]
    return {**held, "NOTEEVENTS": pl.concat(notes)}


def begins(tables: Tables) -> pl.DataFrame:
    return tables["ICUSTAYS"].select("subject_id", begin=pl.col("intime").str.to_datetime(FORMAT))


def another_future(tables: Tables, hour: int, kind: str, seed: int) -> Tables:
    """The same tables up to that hour of each stay, and others after it."""
    rng = np.random.default_rng(seed)
    cut = begins(tables).with_columns(pl.col("begin") + timedelta(hours=hour))
    changed = dict(tables)
    for name, number in TIMED.items():
        table = tables[name].join(cut, on="subject_id", maintain_order="left")
        time = pl.col("charttime").str.to_datetime(FORMAT)
        past, future = (
            table.filter(time < pl.col("begin")).drop("begin"),
            table.filter(time >= pl.col("begin")).drop("begin"),
        )
        if kind == "gone":
            future = future.clear()
        elif kind == "moved":
            later = pl.Series(rng.integers(1, 200, future.height))
            future = future.with_columns((time + pl.duration(hours=later)).dt.to_string(FORMAT).alias("charttime"))
        else:
            drawn = pl.Series(rng.uniform(1, 150, future.height).round(1)).cast(pl.String)
            future = pl.concat([future, future.with_columns(drawn.alias(number))])
        changed[name] = pl.concat([past, future]).sample(fraction=1, shuffle=True, seed=seed)
    last = (cut["begin"] + timedelta(minutes=1)).dt.to_string(FORMAT)
    when = {"subject_id": cut["subject_id"], "end": last}
    stays = tables["ICUSTAYS"].join(pl.DataFrame(when), on="subject_id", maintain_order="left")
    admissions = tables["ADMISSIONS"].join(pl.DataFrame(when), on="subject_id", maintain_order="left")
    # The patient leaves, and dies, a minute after the question.
    changed["ICUSTAYS"] = stays.with_columns(outtime="end").drop("end")
    of_stay = pl.col("hadm_id").is_in(stays["hadm_id"].implode())
    ends = {name: pl.when(of_stay).then("end").otherwise(name) for name in ("dischtime", "deathtime")}
    flag = pl.when(of_stay).then(pl.lit("1")).otherwise("hospital_expire_flag")
    changed["ADMISSIONS"] = admissions.with_columns(**ends, hospital_expire_flag=flag).drop("end")
    return changed


def arrays(cohort: EventCohort, key: str, folder: Path) -> Arrays:
    """What a view [0:24h] of every modality shows, by modality and sample."""
    extract = cohort.extract(cohort.samples(cohort.target(key))[0], folder / "events")
    rows = extract.samples.to_dicts()
    found: Arrays = {}
    for name, modality in cohort.modalities().items():
        part = Part(name, window=WINDOW)
        (prepared,) = prepare_chunk(modality, [part], rows, extract.root)
        nothing = np.full(modality.shape(part), np.nan, np.float32)
        found |= {
            (name, row["sample_id"]): nothing if values is None else values
            for row, (values, _, _) in zip(rows, prepared, strict=True)
        }
    return found


def of_mimic3(tables: Tables, key: str) -> Arrays:
    with TemporaryDirectory() as folder:
        for name, table in tables.items():
            table.write_csv(Path(folder) / f"{name}.csv")
        return arrays(MIMIC3(Path(folder)), key, Path(folder))


def assert_same(before: Arrays, after: Arrays, samples: list[str]) -> None:
    assert samples
    for (name, sample), values in before.items():
        if sample in samples:
            np.testing.assert_array_equal(after[name, sample], values, err_msg=f"{name} of {sample}")


@settings(max_examples=6, deadline=None)
@given(kind=st.sampled_from(["gone", "moved", "invented"]), seed=st.integers(0, 1000))
def test_mortality_at_24_h(tables: Tables, kind: str, seed: int) -> None:
    before = of_mimic3(tables, "mortality_24h")
    after = of_mimic3(another_future(tables, 24, kind, seed), "mortality_24h")
    assert np.isfinite(np.concatenate([values.ravel() for values in before.values()])).sum() > 1000
    assert {name for name, _ in before} == {"vitals", "labs", "nursing", "codes", "notes"}
    assert_same(before, after, [sample for _, sample in after])


@settings(max_examples=6, deadline=None)
@given(kind=st.sampled_from(["gone", "moved", "invented"]), seed=st.integers(0, 1000), hour=st.integers(5, 47))
def test_decompensation_up_to_an_hour(tables: Tables, kind: str, seed: int, hour: int) -> None:
    before = of_mimic3(tables, "decompensation")
    after = of_mimic3(another_future(tables, hour, kind, seed), "decompensation")
    assert_same(before, after, [sample for _, sample in after if int(sample.split("-")[1]) <= hour])


def test_the_test_sees_a_change_before_the_question(tables: Tables) -> None:
    before = of_mimic3(tables, "mortality_24h")
    changed = dict(tables)
    changed["CHARTEVENTS"] = tables["CHARTEVENTS"].with_columns(
        valuenum=(pl.col("valuenum").cast(pl.Float64) + 1).cast(pl.String)
    )
    after = of_mimic3(changed, "mortality_24h")
    with pytest.raises(AssertionError, match="vitals of"):
        assert_same(before, after, [sample for _, sample in after])
    changed = {**tables, "NOTEEVENTS": tables["NOTEEVENTS"].with_columns(text=pl.lit("other"))}
    after = of_mimic3(changed, "mortality_24h")
    with pytest.raises(AssertionError, match="notes of"):
        assert_same(before, after, [sample for _, sample in after])


def test_codes_are_never_seen_by_the_hour_of_the_question(tables: Tables, tmp_path: Path) -> None:
    for name, table in tables.items():
        table.write_csv(tmp_path / f"{name}.csv")
    cohort = MIMIC3(tmp_path)
    for key in ("mortality_24h", "mortality_48h"):
        target = cohort.target(key)
        codes = cohort.events("codes", cohort.samples(target)[0])
        assert codes is not None
        held = codes.filter(pl.col("series").is_in(cohort.samples(target)[0]["series"].implode())).collect()
        assert held.height > 20
        assert held["hours"].min() >= target.prediction_hour


@pytest.mark.parametrize("kind", ["gone", "moved", "invented"])
def test_meds_labels(shared: Path, tmp_path: Path, kind: str) -> None:
    whole = pl.read_parquet(shared / "data/icu/mimic-iv-demo-meds/mimic_iv_demo_meds_events.parquet")
    asked = (
        whole.filter(pl.col("code").str.starts_with("ICU_ADMISSION"))
        .group_by("subject_id", maintain_order=True)
        .agg((pl.col("time").min() + timedelta(hours=30)).alias("prediction_time"))
        .head(8)
    )
    events = whole.join(asked, on="subject_id")
    future = pl.col("time") > pl.col("prediction_time")
    if kind == "gone":
        other = events.filter(~future | pl.col("time").is_null())
    elif kind == "moved":
        other = events.with_columns(
            pl.when(future).then(pl.col("time") + timedelta(hours=7)).otherwise("time").alias("time")
        )
    else:
        invented = events.filter(future).with_columns(
            pl.col("value") * 2, time=pl.col("prediction_time") + timedelta(seconds=1)
        )
        death = events.unique("subject_id").with_columns(
            code=pl.lit("MEDS_DEATH"), time=pl.col("prediction_time") + timedelta(hours=1)
        )
        other = pl.concat([events, invented, death])
    found = []
    for name, table in (("before", events), ("after", other)):
        root = tmp_path / name
        (root / "labels").mkdir(parents=True)
        table.drop("prediction_time").rename({"value": "numeric_value"}).write_parquet(root / "events.parquet")
        asked.with_columns(boolean_value=pl.int_range(pl.len()) % 2 == 0).write_parquet(root / "labels/ill.parquet")
        found.append(arrays(MEDS(root), "ill", tmp_path / f"{name}-out"))
    assert_same(found[0], found[1], [sample for _, sample in found[0]])
    assert {sample.split("-", 1)[1] for _, sample in found[0]} == {
        datetime.isoformat(time) for time in asked["prediction_time"]
    }
