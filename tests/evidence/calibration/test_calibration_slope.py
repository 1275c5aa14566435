from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from medkd.evidence.calibration.calibration_slope import (
    calibration_slope,
    calibration_slope_intervals,
    observed_over_expected,
)


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 200)
    y = (rng.random(200) < p).astype(float)
    times = rng.integers(0, 4, 200)
    assert calibration_slope(y, p, times.astype(float)) == pytest.approx(
        calibration_slope(np.repeat(y, times), np.repeat(p, times)), abs=1e-5
    )
    value, _ = observed_over_expected(y, p, times[:, None].astype(float))
    assert value[0] == pytest.approx(np.repeat(y, times).sum() / np.repeat(p, times).sum())


def test_intervals_hold_the_truth_and_subjects_with_many_samples_widen_them() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 600)
    y = (rng.random(600) < expit(0.4 + 0.7 * logit(p))).astype(float)
    found = calibration_slope_intervals(y, p, np.arange(600), 200, 0.95)
    assert found["intercept"]["low"] < 0.4 < found["intercept"]["high"]
    assert found["slope"]["low"] < 0.7 < found["slope"]["high"]
    repeated = calibration_slope_intervals(np.repeat(y, 4), np.repeat(p, 4), np.repeat(np.arange(600), 4), 200, 0.95)
    for name in ("intercept", "slope"):
        width, same = (one[name]["high"] - one[name]["low"] for one in (found, repeated))
        assert same == pytest.approx(width, rel=0.05)


def test_one_class_alone_has_no_line() -> None:
    found = calibration_slope_intervals(np.ones(5), np.full(5, 0.5), np.arange(5), 10, 0.95)
    assert found["slope"] == {"value": None, "low": None, "high": None}


def test_intercept_and_slope_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.98, 300)
    y = (rng.random(300) < expit(-0.5 + 0.6 * logit(p))).astype(float)
    times = rng.integers(0, 4, 300).astype(float)
    design = sm.add_constant(logit(p))
    assert calibration_slope(y, p) == pytest.approx(sm.Logit(y, design).fit(disp=0).params, abs=1e-4)
    weighted = sm.GLM(y, design, family=sm.families.Binomial(), freq_weights=times).fit().params
    assert calibration_slope(y, p, times) == pytest.approx(weighted, abs=1e-4)
