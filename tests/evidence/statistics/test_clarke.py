"""Clarke's zones, on their borders and beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.evidence.statistics.clarke import ZONES, clarke_shares, clarke_zones


@pytest.mark.parametrize(
    ("reference", "value", "zone"),
    [
        (100, 120, "A"),
        (100, 120.1, "B"),
        (100, 80, "A"),
        (100, 79.9, "B"),
        (70, 70, "A"),
        (30, 69, "A"),
        (50, 70, "A"),
        (70, 180, "E"),
        (60, 180, "E"),
        (60, 179.9, "D"),
        (180, 70, "E"),
        (179, 68.7, "B"),
        (170, 56, "C"),
        (170, 56.1, "B"),
        (130, 0, "C"),
        (129.9, 0, "B"),
        (100, 210, "C"),
        (100, 209.9, "B"),
        (290, 400, "C"),
        (291, 401, "B"),
        (240, 180, "D"),
        (240, 180.1, "B"),
        (239.9, 180, "B"),
        (400, 70.1, "D"),
        (60, 71.9, "A"),
        (60, 72.1, "D"),
        (58, 70, "A"),
        (58, 70.1, "D"),
    ],
)
def test_borders(reference: float, value: float, zone: str) -> None:
    assert clarke_zones(np.array([reference]), np.array([value])).tolist() == [zone]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(20, 600), st.floats(20, 600)), min_size=1))
def test_every_pair_has_one_zone_and_a_right_value_is_in_a(pairs: list[tuple[float, float]]) -> None:
    reference, value = (np.array(side) for side in zip(*pairs, strict=True))
    assert set(clarke_zones(reference, value)) <= set(ZONES)
    assert sum(clarke_shares(reference, value).values()) == pytest.approx(1)
    assert clarke_shares(reference, reference)["A"] == 1
