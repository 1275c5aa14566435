from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from medkd.data.core.target import Target
from medkd.evidence.calibration.conformal import Conformal
from medkd.evidence.calibration.fit_calibration import fit_calibration, held_out_coverage
from tests.evidence.simulated import BINARY, simulate

VALUE = Target("glucose", "regression", ("glucose",), units="mg/dL")


def test_held_out_coverage_is_that_of_subjects_who_had_no_part_in_it() -> None:
    predictions, _ = simulate(n=400, strength={"student": 0.9})
    found = held_out_coverage(predictions, BINARY)
    tested = predictions.filter(role="test").unique(["seed", "fold", "sample_id"]).height
    assert found["n"] == tested
    for row in found["classes"].values():
        assert row["high"] > 0.9 > row["low"] - 0.05
    # A model that knows nothing abstains instead of being wrong.
    nothing, _ = simulate(n=400, strength={"student": 0.0})
    blind = held_out_coverage(nothing, BINARY)
    assert blind["abstains"] > found["abstains"] + 0.2
    assert all(row["high"] > 0.9 for row in blind["classes"].values())


def test_calibration_is_what_its_parts_are() -> None:
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((300, 1))
    y = (rng.random((300, 1)) < expit(logits / 2)).astype(float)
    found = fit_calibration(logits, y, BINARY, "youden")
    assert 1.2 < found["temperature"] < 4
    calibrated = expit(logits / found["temperature"])
    assert found["conformal"] == Conformal.fit(calibrated, y, BINARY).to_dict()
    assert 0 < found["threshold"]["conduction disturbance"] < 1
    values = fit_calibration(logits, logits + 1, VALUE)
    assert (values["temperature"], values["threshold"]) == (1.0, {"glucose": None})
    assert values["conformal"]["quantiles"]["glucose"]["residual"] == pytest.approx(1.0)
