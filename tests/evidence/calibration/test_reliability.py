from __future__ import annotations

import numpy as np

from medkd.evidence.calibration.reliability import histogram, reliability


def test_reliability_accounts_for_every_sample() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(500)
    bins = reliability((rng.random(500) < p).astype(float), p)
    assert sum(one["count"] for one in bins) == 500
    assert all(one["low"] <= one["observed"] <= one["high"] for one in bins)
    assert sum(abs(one["observed"] - one["predicted"]) < 0.2 for one in bins) == len(bins)
    assert sum(histogram(p)) == 500
