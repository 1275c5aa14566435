"""Scoring what lies in tables: a cohort's root, files of events, hourly tables, a folder of stays.

Trees and a network alike.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from medkd.cli import main
from medkd.deploy.bundle.bundle import Bundle
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.networks.gru_d import GruD
from medkd.pipeline.prepared_cohort import PreparedCohort
from tests.deploy.conftest import predict

FEW_TREES = {"num_boost_round": 10, "min_data_in_leaf": 5}
TREES = {"learner": {"class_path": "medkd.distill.trees.TreeLearner", "init_args": FEW_TREES}}
KINDS = ("trees", "network")
Bundles = dict[str, Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``--fast`` run of trees on synthetic stays; read only."""
    folder = tmp_path_factory.mktemp("stays")
    recipe = {
        "task": "stays",
        "cohort": "demo_icu",
        "cohort_options": {"subjects": 80},
        "teacher": {"view": "vitals[0:24h] + labs[0:24h]", "model": TREES},
        "student": {"view": "vitals[0:24h]", "model": TREES},
        "controls": [],
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    assert main(["distill", str(folder), "--fast", "--jobs", "1", "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def bundles(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """The run's bundle, and one of a network with random weights that sees the same."""
    trees = Bundle.load(run / "bundle")
    (learner,) = run.glob("labels1/seed0/student-refit/learner")
    fitted = FittedModel.load(learner)
    torch.manual_seed(0)
    channels = trees.modalities["vitals"].shape(trees.view.parts[0])[0]
    spec = {"class_path": "medkd.networks.gru_d.GruD", "init_args": {"channels": channels, "outputs": 1, "width": 8}}
    folder = tmp_path_factory.mktemp("network")
    network = GruD(channels=channels, outputs=1, width=8).eval()
    FittedModel(network, spec, fitted.model_input, fitted.target, fitted.statistics).save(folder / "learner")
    report, calibration = (
        json.loads((run / "bundle" / name).read_text()) for name in ("report.json", "calibration.json")
    )
    Bundle.write(folder / "bundle", folder / "learner", {**calibration, "temperature": 1.0}, report)
    return {"trees": run / "bundle", "network": folder / "bundle"}


def scored(bundle: Path, source: Path, out: Path) -> pl.DataFrame:
    predict(bundle, source, out, devices="cpu", workers=2)
    return pl.read_parquet(out / "predictions.parquet").drop("seconds")


def reasons(out: Path) -> dict[str, str]:
    return dict(pl.read_csv(out / "quarantine.csv", infer_schema=False).iter_rows())


def events(run: Path) -> pl.DataFrame:
    """Every event of vital signs, with the sample that it is of."""
    samples = pl.read_parquet(PreparedCohort.samples_file(run)).select("sample_id", pl.col("series").cast(pl.String))
    files = sorted((run / "events" / "vitals").glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]).join(samples, on="series")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cohorts_root_is_scored_as_in_training_and_leaves_no_copy(
    run: Path, bundles: Bundles, tmp_path: Path, kind: str
) -> None:
    found = scored(bundles[kind], run / "cohort", tmp_path / "out")
    inputs, bundle = PreparedCohort.load(run), Bundle.load(bundles[kind])
    ids = pl.read_parquet(PreparedCohort.samples_file(run))["sample_id"].to_list()
    assert set(ids) <= set(found["sample_id"])
    folder = (
        run / "labels1" / "seed0" / "student-refit" / "learner" if kind == "trees" else bundles[kind].parent / "learner"
    )
    logits = FittedModel.load(folder).predict(inputs.arrays("student"), ids).logits
    name = bundle.target.names[0]
    same = pl.DataFrame({"sample_id": ids}).join(found, on="sample_id", maintain_order="left")
    np.testing.assert_allclose(same[f"p_{name}"], bundle.target.probabilities(logits)[:, 0], atol=1e-5)
    assert same[f"p_{name}"].n_unique() > 10
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ("predictions.parquet", "predictions.csv", "quarantine.csv", "run.json", "plan.json", "chunks", ".hash_key")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_of_shared_events_and_one_of_hourly_tables_score_the_same(
    run: Path, bundles: Bundles, tmp_path: Path, kind: str
) -> None:
    held = events(run)
    shared = held.select("series", pl.col("hours") + 6, "variable", "value")
    shared.write_parquet(tmp_path / "all.parquet")
    ids = held.unique("sample_id").sort("sample_id").select("sample_id", "series")
    ids.with_columns(zero_hour=6.0, vitals=pl.lit("all.parquet")).write_parquet(tmp_path / "shared.parquet")
    (tmp_path / "ward").mkdir()
    for (name,), part in held.partition_by("sample_id", as_dict=True).items():
        place = pl.int_range(pl.len()).over("hours", "variable").alias("place")
        wide = (
            part.with_columns(place).pivot("variable", index=["hours", "place"], values="value").sort("hours", "place")
        )
        wide.drop("place").write_csv(tmp_path / "ward" / f"{name}.csv")
    ids.select("sample_id", vitals="ward/" + pl.col("sample_id") + ".csv").write_csv(tmp_path / "wide.csv")
    known = scored(bundles[kind], run / "cohort", tmp_path / "known").filter(
        pl.col("sample_id").is_in(ids["sample_id"].to_list())
    )
    for source in ("shared.parquet", "wide.csv", "ward"):
        found = scored(bundles[kind], tmp_path / source, tmp_path / f"out-{source}")
        assert found["sample_id"].to_list() == known["sample_id"].to_list(), source
        for column in (name for name in found.columns if name.startswith("p_")):
            np.testing.assert_allclose(found[column], known[column], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_who_lacks_the_modality_is_set_aside_with_a_reason(bundles: Bundles, tmp_path: Path, kind: str) -> None:
    lines = {
        "good.csv": "hours,HR,spo2\n0.5,80,97\n3,,96\n",
        "late.csv": "hours,heart_rate\n30,80\n",
        "broken.csv": "hours,heart_rate\n1,999999\n",
        "labs.csv": "hours,lactate\n1,2.0\n",
        "timeless.csv": "time,heart_rate\n1,80\n",
        "words.csv": "hours,heart_rate\n1,fast\n",
    }
    for name, text in lines.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    rows = [(name.removesuffix(".csv"), name) for name in lines] + [("nothing", None), ("gone", "gone.csv")]
    pl.DataFrame(rows, schema=["sample_id", "vitals"], orient="row").write_csv(tmp_path / "list.csv")
    found = scored(bundles[kind], tmp_path / "list.csv", tmp_path / "out")
    assert found.filter(pl.col("status") == "ok")["sample_id"].to_list() == ["good"]
    told = reasons(tmp_path / "out")
    for name in ("late", "broken", "labs"):
        assert told[name] == "nothing of vitals[0:24h] was observed."
    assert told["nothing"] == "has no vitals. Give its path."
    assert "no such file" in told["gone"]
    assert "has no column 'hours'" in told["timeless"]
    assert "word where a number belongs" in told["words"]


def test_a_list_that_lacks_the_modality_throughout_leaves_nothing(bundles: Bundles, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("sample_id,vitals\n1,\n2,\n", encoding="utf-8")
    with pytest.raises(InputError, match="none of 2 items could be read, the first because: has no vitals"):
        predict(bundles["trees"], tmp_path / "list.csv", tmp_path / "out", devices="cpu")
    assert not (tmp_path / "out").exists()


def test_an_hour_that_is_none_is_set_aside_by_its_line(bundles: Bundles, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("hours,heart_rate\n1,80\n", encoding="utf-8")
    (tmp_path / "list.csv").write_text("sample_id,zero_hour,vitals\n1,0,a.csv\n2,noon,a.csv\n", encoding="utf-8")
    found = scored(bundles["trees"], tmp_path / "list.csv", tmp_path / "out")
    assert found.filter(pl.col("status") == "ok")["sample_id"].to_list() == ["1"]
    assert reasons(tmp_path / "out") == {"2": "its zero_hour is not a number (line 3). Give hours of the series."}


def test_a_damaged_table_of_a_cohort_leaves_nothing(run: Path, bundles: Bundles, tmp_path: Path) -> None:
    root = Path(shutil.copytree(run / "cohort", tmp_path / "cohort"))
    (table,) = root.glob("icu/chartevents.csv.gz")
    table.write_bytes(table.read_bytes()[:2000])
    with pytest.raises(InputError, match="truncated or damaged"):
        predict(bundles["trees"], root, tmp_path / "out", devices="cpu")
    assert not (tmp_path / "out").exists()


def test_every_value_of_the_files_is_in_the_run_record_and_on_the_terminal(
    bundles: Bundles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "known.csv").write_text("hours,HR,pain\n0.5,80,3\n3,999999,\n", encoding="utf-8")
    foreign = "hours,variable,value\n0,age,70\n1,8867-4,80\n2,8867-4,81\n"
    (tmp_path / "in" / "foreign.csv").write_text(foreign, encoding="utf-8")
    assert main(["predict", str(bundles["trees"]), str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "values set aside: 4 of 6 (1 outside plausible limits, 3 variable not used)" in printed
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["values"] == {
        "seen": 6,
        "used": 2,
        "aside": {"outside plausible limits": 1, "variable not used": 3},
    }
    assert "none of its 3 values is a measurement" in reasons(tmp_path / "out")["foreign"]
