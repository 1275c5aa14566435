from __future__ import annotations

import numpy as np
import pytest

from medkd.papers.gluconet.effective_carbs import effective_carbs, effective_carbs_released

DAY = 86400


def test_a_meal_is_absorbed_once_and_whole_over_midnight_too() -> None:
    second = 300 * np.arange(3 * 288) + 23 * 3600
    carbs = np.zeros(len(second))
    carbs[2] = 60.0
    effective = effective_carbs(second, carbs)
    assert effective.sum() == pytest.approx(60)
    assert (effective[second > second[2] + 240 * 60 + 300] == 0).all()
    released = effective_carbs_released(second, carbs)
    assert released[second > second[2] + DAY // 2].sum() > 0
