from __future__ import annotations

import numpy as np
import pytest

from medkd.errors import InputError
from medkd.evidence.statistics.cusum import alarm_limit, risk_adjusted_cusum


@pytest.mark.parametrize("odds_ratio", [2.0, 0.5])
def test_the_chart_is_the_recursion_of_the_paper(odds_ratio: float) -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.6, 300)
    y = (rng.random(300) < 0.4).astype(float)
    height, expected = 0.0, []
    for truth, risk in zip(y, p, strict=True):
        odds = odds_ratio * risk / (1 - risk)
        other = odds / (1 + odds)
        height = max(0.0, height + np.log((other if truth else 1 - other) / (risk if truth else 1 - risk)))
        expected.append(height)
    assert risk_adjusted_cusum(y, p, odds_ratio) == pytest.approx(expected, abs=1e-12)


def test_the_limit_is_crossed_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.3, 400)
    limit = alarm_limit(p, 2.0, false_alarm=0.05, simulations=2000)
    series = (rng.random((2000, 400)) < p).astype(float)
    crossed = (risk_adjusted_cusum(series, p, 2.0).max(axis=1) > limit).mean()
    assert crossed == pytest.approx(0.05, abs=0.02)


def test_odds_that_do_not_change_are_not_looked_for() -> None:
    with pytest.raises(InputError, match="odds ratio is 1"):
        risk_adjusted_cusum(np.zeros(2), np.full(2, 0.5), 1.0)
