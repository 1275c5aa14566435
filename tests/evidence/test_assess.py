from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.evidence.assess import assess
from medkd.evidence.leaks.checks import Check
from medkd.evidence.report_schema import check_report
from medkd.evidence.scoring import score_predictions
from medkd.evidence.settings import EvidenceSettings
from tests.evidence.simulated import BINARY, STRENGTH, simulate

QUICK = EvidenceSettings(replicates=200)
PASSED = [Check("subjects", True, "none")]
PROVENANCE = {"split_sha256": "a", "config_sha256": "b", "data_sha256": "c", "versions": {"medkd": "0"}}
MULTILABEL = Target("super", "multilabel", ("norm", "mi"), ("NORM", "MI"))
MULTICLASS = Target("rhythm", "multiclass", ("rhythm",), ("SR", "AF", "PACE"))


def run(predictions: pl.DataFrame, samples: pl.DataFrame, target: Target = BINARY, **options: Any) -> dict[str, Any]:
    report = assess(
        predictions,
        samples,
        target,
        options.pop("settings", QUICK),
        options.pop("audit", PASSED),
        PROVENANCE,
        **options,
    )
    check_report(report)
    json.dumps(report, allow_nan=False)
    return report


def fold_values(scored: pl.DataFrame, arm: str, name: str) -> tuple[float, float, float]:
    """(AUROC, AUPRC, Brier) of an arm's class by scikit-learn.

    Within folds, weighted by pairs or samples, then over seeds.
    """
    seeds = []
    for _, seed in (
        scored.filter((pl.col("arm") == arm) & (pl.col("class") == name)).partition_by("seed", as_dict=True).items()
    ):
        rows = []
        for fold in seed.partition_by("fold"):
            y, score, p = (fold[column].to_numpy() for column in ("y", "score", "calibrated"))
            pairs = (y == 1).sum() * (y == 0).sum()
            if pairs:
                rows.append(
                    (roc_auc_score(y, score), average_precision_score(y, score), brier_score_loss(y, p), pairs, len(y))
                )
        auc, ap, brier, pairs, n = np.array(rows).T
        seeds.append((np.average(auc, weights=pairs), np.average(ap, weights=n), np.average(brier, weights=n)))
    return tuple(np.mean(seeds, axis=0))


@pytest.mark.parametrize("target", [BINARY, MULTILABEL, MULTICLASS], ids=lambda target: target.kind)
def test_values_equal_scikit_learn_fold_by_fold(target: Target) -> None:
    predictions, samples = simulate(target=target, seeds=2, folds=3)
    report = run(predictions, samples, target)
    scored = score_predictions(predictions, target, QUICK, samples)
    for arm, found in report["arms"].items():
        auc, ap, brier = np.mean([fold_values(scored, arm, name) for name in target.names], axis=0)
        assert found["value"] == pytest.approx(auc, abs=1e-12)
        assert found["metrics"]["auprc"]["value"] == pytest.approx(ap, abs=1e-12)
        assert found["metrics"]["brier"]["value"] == pytest.approx(
            brier * (3 if target.kind == "multiclass" else 1), abs=1e-12
        )


def test_the_headline_is_the_largest_fraction_and_each_has_an_entry() -> None:
    report = run(*simulate(fractions=(0.3, 1.0)), counts={"train": 200})
    assert [entry["label_fraction"] for entry in report["label_efficiency"]] == [0.3, 1.0]
    assert report["label_fraction"] == 1.0
    assert report["gain"] == report["label_efficiency"][-1]["gain"]
    assert report["gain"] != report["label_efficiency"][0]["gain"]
    assert report["n"]["train"] == 200
    assert report["n"]["test"] == 300
    assert set(report["controls"]) == {"self_teacher", "label_only_teacher", "shuffled_teacher"}
    assert report["gain"]["value"] == pytest.approx(
        report["arms"]["student"]["value"] - report["arms"]["baseline"]["value"]
    )


def test_verdicts_of_known_strengths() -> None:
    strong = {"teacher": 1.2, "student": 0.9, "baseline": 0.4, "self_teacher": 0.42}
    assert run(*simulate(strength=strong))["verdict"] == "helps"
    assert run(*simulate(strength=strong | {"self_teacher": 0.9}))["verdict"] == "regularises only"
    assert run(*simulate(strength={"student": 0.9, "baseline": 0.4}))["verdict"] == "regularises only"
    assert run(*simulate(strength=strong | {"student": 0.1}))["verdict"] == "harms"
    assert run(*simulate(strength=strong | {"student": 0.4}))["verdict"] == "no evidence"


def test_fast_or_a_failed_audit_is_invalid_and_says_why() -> None:
    predictions, samples = simulate(n=120, seeds=1, folds=2)
    fast = run(predictions, samples, fast=True)
    assert fast["verdict"] == fast["label_efficiency"][0]["verdict"] == "invalid"
    assert "--fast" in fast["sentence"]
    leaky = run(predictions, samples, audit=[Check("subjects in two parts", False)])
    assert leaky["verdict"] == "invalid"
    assert "subjects in two parts" in leaky["sentence"]
    assert "no leak audit was made" in run(predictions, samples, audit=[])["sentence"]


def test_calibration_and_thresholds_come_from_validation_alone() -> None:
    predictions, samples = simulate(seeds=1)
    scored = score_predictions(predictions, BINARY, QUICK, samples)
    other = predictions.with_columns(y=pl.when(pl.col("role") == "test").then(1 - pl.col("y")).otherwise(pl.col("y")))
    columns = ["score", "calibrated", "threshold", "temperature"]
    assert scored.select(columns).equals(score_predictions(other, BINARY, QUICK, samples).select(columns))
    assert scored.group_by("arm", "seed", "fold").agg(pl.col("threshold").n_unique())["threshold"].max() == 1


def test_calibrating_lowers_the_error_of_overconfident_logits() -> None:
    predictions, samples = simulate(n=500)
    hot = predictions.with_columns(pl.col("logit") * 6)
    scored = score_predictions(hot, BINARY, QUICK, samples).filter(pl.col("arm") == "student")
    assert brier_score_loss(scored["y"], scored["calibrated"]) < brier_score_loss(scored["y"], scored["score"]) - 0.01


def test_small_subgroups_are_suppressed_and_say_so() -> None:
    report = run(*simulate())
    by = {(row["by"], row["group"]): row for row in report["subgroups"]}
    assert by["site", "C"]["suppressed"]
    assert by["site", "C"]["value"] is None
    assert "fewer than 10" in by["site", "C"]["reason"]
    assert (
        by["sex", "female"]["gain"]["low"]
        <= by["sex", "female"]["gain"]["value"]
        <= by["sex", "female"]["gain"]["high"]
    )
    assert {group for column, group in by if column == "age"} == {"under 40", "40 to 64", "65 to 79", "80 +"}
    assert sum(row["n"] for (column, _), row in by.items() if column == "sex") == report["n"]["test"]


def test_rows_may_come_in_any_order_and_unlabelled_ones_are_left_out() -> None:
    predictions, samples = simulate(n=150, seeds=2, folds=3)
    first = run(predictions, samples)
    extra = predictions.with_columns(pl.col("sample_id") + "x", y=pl.lit(None, dtype=pl.Float64))
    assert run(pl.concat([predictions, extra]).sample(fraction=1, shuffle=True, seed=1), samples) == first


def test_regression_turns_gains_so_that_more_is_better() -> None:
    target = Target("age", "regression", ("age",), units="years")
    predictions, samples = simulate(target=replace(BINARY, columns=("age",), classes=("age",)), seeds=2, folds=3)
    rng = np.random.default_rng(0)
    truth = dict(zip(samples["sample_id"], samples["age"], strict=True))
    noise = {
        "teacher": 2.0,
        "student": 5.0,
        "baseline": 9.0,
        "self_teacher": 9.0,
        "label_only_teacher": 9.0,
        "shuffled_teacher": 12.0,
    }
    y = np.array([truth[name] for name in predictions["sample_id"]])
    error = np.array([noise[arm] for arm in predictions["arm"]]) * rng.standard_normal(len(y))
    report = run(
        predictions.with_columns(y=pl.Series(y), logit=pl.Series(y + error)),
        samples,
        target,
        settings=replace(QUICK, metric="rmse"),
    )
    assert report["arms"]["student"]["value"] == pytest.approx(5, rel=0.1)
    assert report["gain"]["value"] == pytest.approx(4, rel=0.2)
    assert report["verdict"] == "helps"
    assert report["calibration"] == report["curves"] == {}


def test_what_does_not_fit_together_is_refused() -> None:
    predictions, samples = simulate(n=100, seeds=1, folds=2)
    with pytest.raises(InputError, match="no arm 'baseline'"):
        run(predictions.filter(pl.col("arm") != "baseline"), samples)
    with pytest.raises(InputError, match="different samples"):
        run(predictions.filter((pl.col("arm") != "baseline") | (pl.col("sample_id") != "s0003")), samples)
    with pytest.raises(InputError, match="not finite"):
        run(predictions.with_columns(pl.lit(np.nan).alias("logit")), samples)
    with pytest.raises(InputError, match="2 rows of 1 classes"):
        run(pl.concat([predictions, predictions]), samples)
    with pytest.raises(InputError, match="no column 'role'"):
        run(predictions.drop("role"), samples)
    with pytest.raises(InputError, match="class 'conduction disturbance' is not one of target"):
        run(predictions, samples, replace(BINARY, classes=("hypertrophy",)))


def test_a_study_without_positives_gives_nulls_and_no_verdict() -> None:
    predictions, samples = simulate(n=60, seeds=1, folds=2)
    report = run(predictions.with_columns(y=pl.lit(0.0)), samples)
    assert report["gain"] == {"value": None, "low": None, "high": None}
    assert report["verdict"] == "no evidence"
    assert "too few" in report["sentence"]


def test_two_fractions_six_arms_three_seeds_take_seconds() -> None:
    predictions, samples = simulate(500, fractions=(0.3, 1.0))
    start = time.perf_counter()
    run(predictions, samples, settings=EvidenceSettings())
    assert time.perf_counter() - start < 10


def test_a_frame_is_enough_and_without_an_audit_the_verdict_is_invalid() -> None:
    predictions, samples = simulate(n=120, seeds=2, folds=2)
    report = assess(predictions)
    check_report(report)
    full = assess(predictions, samples, replace(BINARY, key="conduction disturbance"), EvidenceSettings(), PASSED)
    assert report["verdict"] == "invalid"
    assert "no leak audit was made" in report["sentence"]
    assert report["subgroups"] == []
    for key in ("gain", "arms", "curves", "calibration"):
        assert report[key] == full[key], key


def test_a_pandas_frame_and_absent_columns_give_the_same() -> None:
    predictions, _ = simulate(n=80, seeds=1, folds=1)
    predictions = predictions.filter(role="test").with_columns(y=pl.when(pl.col("sample_id") != "s0003").then("y"))
    least = predictions.select("arm", "role", "sample_id", "subject_id", "logit", "y")
    expected = assess(predictions, settings=QUICK)
    assert assess(least.with_columns(pl.lit(0).alias("fold")), settings=QUICK)["gain"] == expected["gain"]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({name: least[name].to_list() for name in least.columns})
    assert frame["y"].isna().sum() == len(STRENGTH)
    assert assess(frame, settings=QUICK)["gain"] == expected["gain"]
    with pytest.raises(InputError, match="predictions are a list"):
        assess([1, 2])


def test_a_target_that_cannot_be_guessed_is_asked_for() -> None:
    predictions, samples = simulate(n=60, seeds=1, folds=2, target=MULTILABEL)
    with pytest.raises(InputError, match="predictions of 2 classes"):
        assess(predictions)
    one, _ = simulate(n=60, seeds=1, folds=2)
    with pytest.raises(InputError, match="labels other than 0 and 1"):
        assess(one.with_columns(pl.col("y") * 2))
    values = assess(one.with_columns(pl.lit("age").alias("class")), samples, Target("age", "regression", ("age",)))
    assert values["metric"] == "rmse"
