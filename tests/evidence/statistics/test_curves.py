from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from dcurves import dca
from sklearn.metrics import roc_curve

from medkd.evidence.statistics.bootstrap import Block, bootstrap
from medkd.evidence.statistics.curves import GRID, curves_of, mean_roc, net_benefit, roc_at, treat_all
from medkd.evidence.statistics.metrics import METRICS


def test_net_benefit_by_counting() -> None:
    rng = np.random.default_rng(0)
    y, p = (rng.random(200) < 0.3).astype(float), np.round(rng.random(200), 2)
    thresholds = np.array([0.1, 0.25, 0.5, 0.9])
    expected = [((p >= t) & (y == 1)).sum() / 200 - ((p >= t) & (y == 0)).sum() / 200 * t / (1 - t) for t in thresholds]
    np.testing.assert_allclose(net_benefit(y, p, thresholds), expected, atol=1e-12)
    np.testing.assert_allclose(net_benefit(y, np.ones(200), thresholds), treat_all(y, thresholds), atol=1e-12)


def test_area_under_the_mean_roc_is_the_reported_auroc() -> None:
    rng = np.random.default_rng(1)
    blocks = []
    for fold in range(3):
        y = (rng.random(80) < 0.3).astype(float)
        score = np.round(y + rng.standard_normal(80) + 3 * fold, 1)
        blocks.append(Block(0, fold, np.arange(80) + 80 * fold, y[:, None], {"baseline": {"score": score[:, None]}}))
    grid = np.linspace(0, 1, 20_001)
    curve = mean_roc(blocks, "baseline", 0, grid)
    assert curve is not None
    area = np.trapezoid(curve, grid)
    assert area == pytest.approx(
        bootstrap(blocks, ["baseline"], {"auroc": METRICS["auroc"]}, 1)["baseline", "auroc"].value, abs=1e-4
    )


def test_one_fold_is_scikit_learns_curve() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(60) < 0.4).astype(float)
    score = y + rng.standard_normal(60)
    block = Block(0, 0, np.arange(60), y[:, None], {"baseline": {"score": score[:, None]}})
    alarms, hits, _ = roc_curve(y, score)
    grid = (alarms[1:] + alarms[:-1])[np.diff(alarms) > 0] / 2
    curve = mean_roc([block], "baseline", 0, grid)
    np.testing.assert_allclose(curve, np.interp(grid, alarms, hits), atol=1e-12)


def test_net_benefit_is_that_of_dcurves() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random(400) < 0.3).astype(float)
    p = np.clip(0.3 * y + rng.random(400) * 0.7, 0.001, 0.999)
    thresholds = np.array([0.05, 0.1, 0.25, 0.5, 0.75])
    table = dca(pd.DataFrame({"y": y.astype(int), "p": p}), "y", ["p"], thresholds=list(thresholds))
    found = {name: rows["net_benefit"].to_numpy() for name, rows in table.groupby("model")}
    np.testing.assert_allclose(net_benefit(y, p, thresholds), found["p"], atol=1e-12)
    np.testing.assert_allclose(treat_all(y, thresholds), found["all"], atol=1e-12)
    assert (found["none"] == 0).all()


def test_the_roc_passes_through_every_point_of_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(100) < 0.4).astype(float)
    score = np.round(y + rng.standard_normal(100), 1)
    alarms, hits, _ = roc_curve(y, score, drop_intermediate=False)
    upper = np.append(np.diff(alarms) > 0, True)  # At a vertical step both have the upper end.
    np.testing.assert_allclose(roc_at(y, score, alarms[upper]), hits[upper], atol=1e-12)


def test_curves_of_every_class_and_arm_are_on_one_grid() -> None:
    rng = np.random.default_rng(5)
    y = np.column_stack([(rng.random(60) < 0.4).astype(float), np.zeros(60)])
    p = rng.random((60, 2))
    block = Block(0, 0, np.arange(60), y, {"student": {"score": p}})
    rows = [
        pl.DataFrame({"class": name, "arm": "student", "y": y[:, column], "calibrated": p[:, column]})
        for column, name in enumerate("ab")
    ]
    curves = curves_of([block], pl.concat(rows), "ab", ["student"])
    assert len(curves["roc"]["classes"]["a"]["student"]) == len(GRID)
    assert curves["roc"]["classes"]["b"]["student"] is None
    assert curves["decision"]["threshold"] == [round(number / 100, 2) for number in range(1, 100)]
    assert set(curves["decision"]["classes"]["b"]) == {"student", "treat_all"}
