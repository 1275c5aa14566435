"""A known distortion is found and undone, on others than those who are reported."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import class_matrix, labelled_predictions
from medkd.deploy.evaluation.recalibration import Recalibration, Subset
from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings
from tests.deploy.evaluation.conftest import CD

SETTINGS = EvidenceSettings(replicates=50)


def scored_of(raw: np.ndarray, y: np.ndarray, target: Target = CD) -> pl.DataFrame:
    raw, y = raw.reshape(-1, target.outputs), y.reshape(-1, target.outputs)
    ids = [f"s{place}" for place in range(len(raw))]
    predictions = pl.DataFrame(
        {"sample_id": ids}
        | {f"p_{name}": raw[:, place] for place, name in enumerate(target.names)}
        | {f"p_cal_{name}": raw[:, place] for place, name in enumerate(target.names)}
    )
    truth = pl.DataFrame(
        {"sample_id": ids, "subject_id": ids} | {f"y_{name}": y[:, place] for place, name in enumerate(target.names)}
    )
    return labelled_predictions(predictions, truth, target, {}, SETTINGS)


def test_intercept_and_slope_are_those_that_the_outcomes_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    raw = rng.uniform(0.02, 0.98, 8000)
    y = (rng.random(8000) < expit(-1.0 + 0.5 * logit(raw))).astype(float)
    scored = scored_of(raw, y)
    made = Recalibration.fit(scored, CD, SETTINGS, "sensitivity:0.9", Subset.parse("0.5"))
    assert made.lines["conduction disturbance"] == pytest.approx((-1.0, 0.5), abs=0.08)
    arm = made.arm(scored, CD)
    again = class_matrix(arm, CD, "calibrated")[:, 0]
    assert again.sum() == pytest.approx(y.sum(), rel=1e-3)
    assert np.corrcoef(again, expit(-1.0 + 0.5 * logit(class_matrix(arm, CD, "score")[:, 0])))[0, 1] > 0.999
    flagged = again >= made.threshold["conduction disturbance"]
    truth = class_matrix(arm, CD, "y")[:, 0] == 1
    assert flagged[truth].mean() >= 0.9
    assert made.rule == "sensitivity:0.9"


def test_of_several_classes_each_has_its_own_line_and_its_own_rows() -> None:
    rng = np.random.default_rng(1)
    target = Target("super", "multilabel", ("b", "a"), ("zeta", "alpha"))
    raw = rng.uniform(0.05, 0.95, (4000, 2))
    y = (rng.random((4000, 2)) < expit(logit(raw) + np.array([-1.0, 1.0]))).astype(float)
    scored = scored_of(raw, y, target)
    arm = Recalibration.fit(scored, target, SETTINGS, "youden", Subset.parse("0.5")).arm(scored, target)
    for place, name in enumerate(target.names):
        rows = arm.filter(pl.col("class") == name)
        shift = logit(rows["calibrated"].to_numpy()) - logit(rows["score"].to_numpy())
        assert shift.mean() == pytest.approx([-1.0, 1.0][place], abs=0.15)
        assert rows["threshold"].n_unique() == 1


def test_exclusive_classes_have_a_temperature_and_no_threshold() -> None:
    rng = np.random.default_rng(2)
    target = Target("g", "multiclass", ("g",), ("low", "middle", "high"))
    logits = 2 * rng.normal(size=(3000, 3))
    soft = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    y = np.eye(3)[[rng.choice(3, p=row) for row in soft]]
    raw = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    made = Recalibration.fit(scored_of(raw, y, target), target, SETTINGS, "youden", Subset.parse("0.5"))
    assert made.temperature == pytest.approx(2.0, rel=0.1)
    assert made.apply(raw, target).sum(axis=1) == pytest.approx(np.ones(3000))
    assert set(made.threshold.values()) == {None}


def test_a_share_of_the_subjects_is_the_same_whoever_else_is_there() -> None:
    truth = pl.DataFrame({"subject_id": [f"p{place}" for place in range(2000)], "site": ["A", "B"] * 1000})
    share = Subset.parse("0.3").subjects(truth)
    assert len(share) == pytest.approx(600, abs=70)
    assert Subset.parse("0.3").subjects(truth.head(100)) == share & set(truth.head(100)["subject_id"])
    assert Subset.parse("0.2").subjects(truth) < share
    assert Subset.parse("on=site=A").subjects(truth) == set(truth.filter(pl.col("site") == "A")["subject_id"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("much", "names no subset"),
        ("1.5", "names no subset"),
        ("sight=A", "Did you mean 'site'"),
        ("site=C", "nobody has site 'C'"),
    ],
)
def test_a_subset_that_is_none_is_refused(text: str, said: str) -> None:
    truth = pl.DataFrame({"subject_id": ["a", "b"], "site": ["A", "B"]})
    with pytest.raises(InputError) as refused:
        Subset.parse(text).subjects(truth)
    assert said in str(refused.value)


def test_what_cannot_be_recalibrated_is_refused() -> None:
    rng = np.random.default_rng(3)
    raw = rng.uniform(0.05, 0.95, 500)
    wrong = (rng.random(500) > raw).astype(float)
    with pytest.raises(InputError, match="less likely where the model predicts more"):
        Recalibration.fit(scored_of(raw, wrong), CD, SETTINGS, "youden", Subset.parse("0.5"))
    with pytest.raises(InputError, match="fewer than 10"):
        Recalibration.fit(scored_of(raw[:20], wrong[:20]), CD, SETTINGS, "youden", Subset.parse("0.5"))
    length = Target("los", "regression", ("los",), units="days")
    with pytest.raises(InputError, match="no probability"):
        Recalibration.fit(scored_of(raw, wrong, length), length, SETTINGS, "youden", Subset.parse("0.5"))


def test_a_line_without_penalty_agrees_with_another_solver() -> None:
    rng = np.random.default_rng(4)
    raw = rng.uniform(0.05, 0.95, 1000)
    y = (rng.random(1000) < raw**2).astype(float)
    made = Recalibration.fit(scored_of(raw, y), CD, SETTINGS, "youden", Subset.parse("0.5"))
    other = LogisticRegression(C=1e12, solver="lbfgs", tol=1e-10, max_iter=1000).fit(logit(raw)[:, None], y)
    assert made.lines["conduction disturbance"] == pytest.approx((other.intercept_[0], other.coef_[0, 0]), abs=1e-4)
