"""Case table: uncertainty."""

from __future__ import annotations

import polars as pl
import pytest

from medkd.app.cases.table import uncertainty
from medkd.data.core.target import Target


def test_uncertainty_is_nearness_to_another_decision() -> None:
    two = Target("d", "multilabel", ("a", "b"))
    rows = pl.DataFrame(
        {
            "p_cal_a": [0.1, 0.9, 0.1, 0.1],
            "p_cal_b": [0.5, 0.95, 0.5, 0.5],
            "set": ["a: not a; b: b"] * 2 + [None, "a: a; b: abstains"],
        }
    )
    values = rows.select(uncertainty(two, {"a": 0.2, "b": None}).round(6)).to_series().to_list()
    # The second: a is 0.7 of the 0.8 above its threshold away, b 0.45 of 0.5.
    assert values == pytest.approx([1.0, 0.125, 1.0, 1.0])
    several = Target("d", "multiclass", ("d",), ("x", "y", "z"))
    shares = pl.DataFrame({"p_cal_x": [0.5, 1.0], "p_cal_y": [0.4, 0.0], "p_cal_z": [0.1, 0.0], "set": ["x or y", "x"]})
    assert shares.select(uncertainty(several, {}).round(6)).to_series().to_list() == pytest.approx([0.9, 0.0])
    days = Target("los", "regression", ("days",))
    assert pl.DataFrame({"p_cal_days": [3.0], "set": ["1 to 5"]}).select(
        uncertainty(days, {})
    ).to_series().to_list() == [None]
