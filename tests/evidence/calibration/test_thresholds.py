from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from medkd.errors import InputError
from medkd.evidence.calibration.temperature_scaling import probabilities
from medkd.evidence.calibration.thresholds import choose_threshold


def test_youden_equals_the_best_point_of_the_roc_curve() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(200) < 0.3).astype(float)
    p = probabilities((y + rng.standard_normal(200))[:, None], categorical=False)[:, 0]
    cut = choose_threshold(y, p)
    alarms, hits, _ = roc_curve(y, p)
    assert (p[y == 1] >= cut).mean() - (p[y == 0] >= cut).mean() == pytest.approx((hits - alarms).max())
    assert (p[y == 1] >= choose_threshold(y, p, "sensitivity:0.95")).mean() >= 0.95
    assert choose_threshold(np.zeros(3), np.array([0.1, 0.2, 0.3])) == 0.5
    with pytest.raises(InputError, match="no threshold rule 'best'"):
        choose_threshold(y, p, "best")
