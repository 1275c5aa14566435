"""Scored predictions: calibrated per fit, in any order of rows, with the groups of the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from medkd.errors import InputError
from medkd.evidence.calibration.temperature_scaling import fit_temperature
from medkd.evidence.calibration.thresholds import choose_threshold
from medkd.evidence.scoring import (
    SCORED,
    fold_blocks,
    group_columns,
    prediction_table,
    score_predictions,
    target_of,
    write_predictions,
)
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, simulate

QUICK = EvidenceSettings()


def test_each_fit_has_the_temperature_and_threshold_of_its_own_validation_rows() -> None:
    predictions, samples = simulate(n=150, seeds=2, folds=2)
    scored = score_predictions(predictions, BINARY, QUICK, samples)
    for (arm, seed, fold), rows in scored.group_by("arm", "seed", "fold"):
        val = predictions.filter(arm=arm, seed=seed, fold=fold, role="val").sort("sample_id")
        logits, y = (val[name].to_numpy()[:, None] for name in ("logit", "y"))
        temperature = fit_temperature(logits, y, categorical=False)
        assert rows["temperature"].unique().to_list() == [temperature]
        assert rows["threshold"].unique().to_list() == [choose_threshold(y[:, 0], expit(logits / temperature)[:, 0])]
    test = predictions.filter(role="test").rename({"sample_id": "sample"})
    both = scored.join(test, on=["sample", "arm", "seed", "fold", "class"])
    np.testing.assert_allclose(both["calibrated"], expit(both["logit"] / both["temperature"]))


def test_without_samples_there_are_no_groups_and_the_figures_are_the_same(tmp_path: Path) -> None:
    predictions, samples = simulate(n=80, seeds=1, folds=2)
    alone = score_predictions(predictions, BINARY, QUICK)
    assert alone.columns == SCORED
    assert score_predictions(predictions, BINARY, QUICK, samples).select(SCORED).equals(alone)
    write_predictions(tmp_path / "test_predictions.parquet", alone)
    assert pl.read_parquet(tmp_path / "test_predictions.parquet").equals(alone)


def test_age_is_cut_into_bands_and_empty_columns_are_left_out() -> None:
    samples = pl.DataFrame(
        {"sample_id": ["a", "b", "c", "d"], "age": [39.9, 40.0, None, 95.0], "sex": [None] * 4, "site": [1, 2, 1, 2]}
    )
    groups = group_columns(samples, QUICK)
    assert groups.columns == ["sample", "age", "site"]
    assert groups["age"].to_list() == ["under 40", "40 to 64", None, "80 +"]
    assert groups["site"].to_list() == ["1", "2", "1", "2"]


def test_blocks_hold_the_same_samples_for_every_arm() -> None:
    predictions, _ = simulate(n=60, seeds=2, folds=2)
    scored = score_predictions(predictions, BINARY, QUICK)
    blocks, subjects = fold_blocks(scored.sample(fraction=1, shuffle=True, seed=0), BINARY)
    assert [(block.seed, block.fold) for block in blocks] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    rows = scored.filter(seed=0, fold=0, arm="student").sort("sample")
    assert [subjects[row] for row in blocks[0].subject] == rows["subject"].to_list()
    np.testing.assert_array_equal(blocks[0].readings["student"]["score"][:, 0], rows["score"])
    np.testing.assert_array_equal(blocks[0].y[:, 0], rows["y"])


def test_tables_are_completed_and_a_target_is_guessed_for_one_binary_class_only() -> None:
    table = prediction_table(pl.DataFrame({"arm": ["student"] * 2, "y": [1.0, float("nan")], "seed": [3, 3]}))
    assert table["y"].to_list() == [1.0, None]
    assert table.select("label_fraction", "seed", "fold", "class").row(0) == (1.0, 3, 0, "positive")
    assert target_of(table).names == ("positive",)
    with pytest.raises(InputError, match=r"Give target=Target"):
        target_of(table.with_columns(y=pl.Series([0.5, 2.0])))
