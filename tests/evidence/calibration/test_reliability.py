from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from medkd.evidence.calibration.reliability import histogram, reliability, wilson


def test_reliability_accounts_for_every_sample() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(500)
    bins = reliability((rng.random(500) < p).astype(float), p)
    assert sum(one["count"] for one in bins) == 500
    assert all(one["low"] <= one["observed"] <= one["high"] for one in bins)
    assert sum(abs(one["observed"] - one["predicted"]) < 0.2 for one in bins) == len(bins)
    assert sum(histogram(p)) == 500


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (1, 7), (15, 30), (299, 300), (40, 40)])
def test_wilsons_interval_is_that_of_statsmodels(hits: int, n: int) -> None:
    assert wilson(hits / n, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-7)


def test_repeated_rows_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(4)
    p = rng.random(200)
    y = (rng.random(200) < p).astype(float)
    once, thrice = reliability(y, p), reliability(np.repeat(y, 3), np.repeat(p, 3), repeats=3)
    for one, repeated in zip(once, thrice, strict=True):
        assert repeated["count"] == 3 * one["count"]
        assert (repeated["low"], repeated["high"]) == pytest.approx((one["low"], one["high"]))
