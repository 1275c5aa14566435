"""An evaluation is of who was both scored and labelled, in whatever order they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from medkd.deploy.evaluation.evaluated_model import EvaluatedModel
from medkd.deploy.evaluation.evaluation import evaluate_predictions
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.deploy.inference.run_record import RunRecord, read_run_record
from medkd.errors import InputError
from tests.deploy.evaluation.conftest import CD, Simulated

SAMPLES = 240
Y = "y_conduction disturbance"


@pytest.fixture
def run(simulated_run: Simulated) -> Path:
    return simulated_run(np.random.default_rng(0).uniform(0.05, 0.95, SAMPLES), aside=("broken",))


@pytest.fixture
def tables(run: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions, and labels of 120 patients with two samples each, every tenth of them without a label."""
    predictions = pl.read_parquet(run / "predictions.parquet")
    chance = np.random.default_rng(1).random(SAMPLES)
    labels = predictions.select(
        "sample_id",
        pl.Series("subject_id", [f"p{number // 2:03d}" for number in range(SAMPLES)]),
        pl.Series("sex", ["female", "male"] * (SAMPLES // 2)),
        pl.Series(Y, (chance < predictions["p_conduction disturbance"].to_numpy()).astype(float)),
    )
    is_tenth = pl.int_range(pl.len()) % 10 == 0
    return predictions, labels.with_columns(pl.when(is_tenth).then(None).otherwise(pl.col(Y)).alias(Y))


def evaluated(
    run: Path, predictions: pl.DataFrame, labels: pl.DataFrame, out: Path, **options: Any
) -> tuple[dict[str, Any], RunRecord]:
    record = read_run_record(run)
    model = EvaluatedModel("follow-up", record.source, CD, record.threshold)
    settings = EvaluateSettings(fast=True, **options)
    return evaluate_predictions(model, predictions, labels, record, out, [("listed", 241)], settings), record


def test_samples_without_a_label_are_in_no_figure(
    run: Path, tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    predictions, labels = tables
    found, record = evaluated(run, predictions, labels, tmp_path / "out")
    both = predictions.join(labels, on="sample_id").drop_nulls(Y)
    assert found["n"] == {"items": 241, "scored": 240, "set_aside": 1, "labelled": 216, "subjects": 120}
    assert found["arms"]["these patients"]["value"] == pytest.approx(
        roc_auc_score(both[Y], both["p_conduction disturbance"])
    )
    assert found["flow"] == [{"reason": "listed", "count": 241}, {"reason": "samples in the figures", "count": 216}]
    assert found["provenance"]["predictions_sha256"] == record.predictions_sha256
    assert found["over_time"] is None, "the labels have no time"
    assert found["conformal"] is None, "there is no bundle"


def test_the_order_of_rows_does_not_matter(
    run: Path, tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    predictions, labels = tables
    found, _ = evaluated(run, predictions, labels, tmp_path / "out", recalibrate="0.4")
    shuffled, _ = evaluated(
        run,
        predictions.sample(fraction=1, shuffle=True, seed=3),
        labels.sample(fraction=1, shuffle=True, seed=4),
        tmp_path / "other",
        recalibrate="0.4",
    )
    for key in ("arms", "by_class", "n", "subgroups", "recalibration", "input", "sentence"):
        assert shuffled[key] == found[key], key


def test_a_recalibrated_patient_is_in_no_other_figure(
    run: Path, tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    found, record = evaluated(run, *tables, tmp_path / "out", recalibrate="0.3")
    reported = pl.read_parquet(tmp_path / "out" / "evaluation_predictions.parquet")
    assert set(reported["arm"]) == {"these patients", "recalibrated"}
    assert reported["subject"].n_unique() == found["n"]["subjects"]
    assert found["n"]["subjects"] + found["recalibration"]["subjects"] == 120
    document = json.loads((tmp_path / "out" / "recalibration.json").read_text())
    assert document["bundle_sha256"] == record.bundle_sha256
    assert document["classes"] == found["recalibration"]["classes"]


def test_who_is_left_must_be_somebody(run: Path, tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path) -> None:
    predictions, labels = tables
    women = labels.with_columns(sex=pl.lit("female"))
    with pytest.raises(InputError, match=r"nobody is left to report on.*Name fewer subjects"):
        evaluated(run, predictions, women, tmp_path / "out", recalibrate="sex=female")
    nobody = labels.with_columns(pl.lit(None, dtype=pl.Float64).alias(Y))
    with pytest.raises(
        InputError, match=r"samples were scored, and none of them has a label .*Fill in the target's column"
    ):
        evaluated(run, predictions, nobody, tmp_path / "out")
    assert not (tmp_path / "out").exists()
