"""Performance against other libraries, class by class, and beside development only where the two can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import labelled_predictions
from medkd.deploy.evaluation.performance import coverage, evidence_settings, format_interval, performance, shares
from medkd.evidence.calibration.conformal import Conformal
from medkd.evidence.settings import EvidenceSettings

RHYTHMS = Target("rhythm", "multilabel", ("af", "pvc"), ("AF", "PVC"))
FAST = EvidenceSettings(replicates=50)


def scored(target: Target = RHYTHMS, samples: int = 300) -> pl.DataFrame:
    """Rows of made-up predictions whose calibrated probability is half the raw one; some labels are missing."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {"sample_id": [f"s{number:03d}" for number in range(samples)]}
    labels: dict[str, Any] = {"subject_id": [f"p{number // 2}" for number in range(samples)]}
    for name in target.names:
        p = rng.uniform(0, 1, samples)
        y = (rng.random(samples) < p).astype(float)
        columns |= {f"p_{name}": p, f"p_cal_{name}": p / 2}
        labels[f"y_{name}"] = [None if number % 7 == 0 else value for number, value in enumerate(y)]
    labels["sex"] = ["female", "male", "male"] * (samples // 3)
    predictions = pl.DataFrame(columns)
    table = pl.DataFrame({"sample_id": columns["sample_id"], **labels})
    threshold = dict.fromkeys(target.names, 0.3)
    return labelled_predictions(predictions, table, target, threshold, FAST)


def test_each_class_is_measured_on_its_own_labels() -> None:
    table = scored()
    found = performance(table, RHYTHMS, FAST, {})
    for name in RHYTHMS.names:
        rows = table.filter(pl.col("class") == name).drop_nulls("y")
        y, p, calibrated = (rows[column].to_numpy() for column in ("y", "score", "calibrated"))
        entry = found["by_class"][name]
        at = entry["arms"]["these patients"]
        assert (entry["n"], entry["positives"]) == (len(y), int(y.sum()))
        assert entry["subjects"] == rows["subject"].n_unique()
        assert entry["prevalence"] == pytest.approx(y.mean())
        assert at["auroc"]["value"] == pytest.approx(roc_auc_score(y, p))
        assert at["brier"]["value"] == pytest.approx(brier_score_loss(y, calibrated))
        assert at["flagged"]["value"] == pytest.approx((calibrated >= 0.3).mean())
        assert at["observed_over_expected"]["value"] == pytest.approx(y.sum() / calibrated.sum())
    both = [found["by_class"][name]["arms"]["these patients"]["auroc"]["value"] for name in RHYTHMS.names]
    assert found["arms"]["these patients"]["value"] == pytest.approx(np.mean(both))
    groups = {row["group"]: row for row in found["subgroups"]}
    assert groups.keys() == {"female", "male"}
    assert "gain" not in groups["female"], "there is no second arm to gain upon"


def test_without_a_threshold_no_decision_is_measured() -> None:
    table = scored().with_columns(threshold=pl.lit(None, dtype=pl.Float64))
    found = performance(table, RHYTHMS, FAST, {})
    at = found["by_class"]["AF"]["arms"]["these patients"]
    assert at["threshold"] is None
    assert not {"sensitivity", "flagged", "ppv"} & at.keys()
    assert not {"sensitivity", "f1"} & found["arms"]["these patients"]["metrics"].keys()
    assert at["auroc"] == performance(scored(), RHYTHMS, FAST, {})["by_class"]["AF"]["arms"]["these patients"]["auroc"]


def test_development_is_shown_beside_the_same_metric_alone() -> None:
    student = {"value": 0.9, "low": 0.8, "high": 0.95, "metrics": {"auroc": {"value": 0.9, "low": 0.8, "high": 0.95}}}
    subgroups = [{"by": "sex", "group": "male", "value": {"value": 0.7, "low": 0.6, "high": 0.8}}]
    report = {"metric": "auroc", "arms": {"student": student}, "subgroups": subgroups}
    found = performance(scored(), RHYTHMS, FAST, report)
    assert found["arms"]["at development"]["value"] == 0.9
    assert {row["group"]: row["development"] for row in found["subgroups"]} == {
        "male": subgroups[0]["value"],
        "female": None,
    }
    other = performance(scored(), RHYTHMS, FAST, report | {"metric": "auprc"})
    assert "at development" not in other["arms"]
    assert other["arms"]["these patients"] == found["arms"]["these patients"], "what was measured here does not change"


def test_settings_are_those_of_development_as_far_as_they_fit() -> None:
    stated = {"settings": {"metric": "auprc", "replicates": 60, "seed": 5, "age_bands": [50.0], "of_later": 1}}
    settings = evidence_settings(stated, RHYTHMS, fast=True)
    assert (settings.metric, settings.replicates, settings.seed, settings.age_bands) == ("auprc", 60, 5, (50.0,))
    assert evidence_settings({"settings": {"replicates": 2000}}, RHYTHMS, fast=True).replicates == 100
    values = Target("los", "regression", ("los",))
    assert evidence_settings(stated, values, fast=False) == EvidenceSettings(metric="rmse")
    assert evidence_settings({"settings": {"confidence": 7}}, RHYTHMS, fast=False) == EvidenceSettings()


def test_shares_have_the_interval_of_that_many_patients() -> None:
    sets = ["abstains"] * 12 + ["AF: abstains; PVC"] * 3 + ["AF", "not AF, abstainsish", None] * 15
    drift = [1.0, 1.0001, None] * 20
    table = pl.DataFrame({"set": sets, "drift": drift})
    subjects = pl.Series([f"p{number // 3}" for number in range(60)])
    found = shares(table, subjects)
    assert (found["abstaining"]["n"], found["abstaining"]["value"]) == (45, pytest.approx(15 / 45))
    assert (found["drifted"]["n"], found["drifted"]["value"]) == (40, 0.5)
    wilson = binomtest(10, 20).proportion_ci(method="wilson")
    assert (found["drifted"]["low"], found["drifted"]["high"]) == pytest.approx((wilson.low, wilson.high))
    unknown = table.with_columns(set=pl.lit(None, dtype=pl.String), drift=pl.lit(None, dtype=pl.Float64))
    assert shares(unknown, subjects) == {"abstaining": None, "drifted": None}


def test_coverage_is_the_share_of_labels_in_the_sets() -> None:
    target = Target("cd", "binary", ("cd",))
    table = scored(target).drop_nulls("y")
    document = {
        "coverage": 0.9,
        "quantiles": {"cd": {"present": 0.8, "absent": 0.3}},
        "subjects": {"cd": {"present": 50, "absent": 50}},
    }
    found = coverage(table, target, Conformal.from_dict(document, target, "calibration.json"))
    assert found is not None
    y, p = table["y"].to_numpy(), table["calibrated"].to_numpy()
    assert found["classes"]["cd"]["covered"] == pytest.approx((1 - p[y == 1] <= 0.8).mean())
    assert found["classes"]["not cd"]["covered"] == pytest.approx((p[y == 0] <= 0.3).mean())
    assert found["wanted"] == 0.9
    assert coverage(table, target, None) is None


def test_an_interval_that_is_not_defined_is_in_words() -> None:
    assert format_interval(None) == format_interval({"value": None, "low": None, "high": None}) == "not defined"
    assert format_interval({"value": 0.5, "low": None, "high": None}) == "0.500"
