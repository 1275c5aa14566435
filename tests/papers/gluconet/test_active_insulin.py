from __future__ import annotations

import numpy as np
import pytest

from medkd.papers.gluconet.active_insulin import active_insulin, active_insulin_released


def test_doses_add_up_and_do_not_look_at_the_clock() -> None:
    second = 300 * np.arange(200)
    one, two = np.zeros(200), np.zeros(200)
    one[10], two[25] = 4.0, 2.0
    assert active_insulin(second, one + two) == pytest.approx(active_insulin(second, one) + active_insulin(second, two))
    assert active_insulin(second + 7 * 3600, one) == pytest.approx(active_insulin(second, one))
    assert active_insulin_released(second + 7 * 3600, one) != pytest.approx(active_insulin_released(second, one))
