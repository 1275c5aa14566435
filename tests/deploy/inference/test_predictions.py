"""Columns of the table of predictions, and text that a spreadsheet could run."""

from __future__ import annotations

import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.deploy.inference import predictions
from medkd.deploy.inference.predictions import ItemResult, escape_formulas, prediction_columns, results_table
from medkd.errors import InputError

TWO = Target("rhythm", "multilabel", ("af", "sr"))


def test_every_column_is_documented() -> None:
    for name in prediction_columns(Target("cd", "binary", ("CLASS",))):
        assert f"``{name}``" in str(predictions.__doc__)


def test_a_scored_and_a_quarantined_item() -> None:
    scored = ItemResult("a", [0.1, 0.2], [0.3, 0.4], 1.5, conformal_set="af", drift=0.5)
    broken = ItemResult("b", [float("nan")] * 2, [float("nan")] * 2, 0.5, reason="lead I is flat.")
    table = results_table([scored, broken], TWO, "sha")
    assert table.columns == [*prediction_columns(TWO), "reason"]
    assert table.row(0) == ("a", 0.1, 0.2, 0.3, 0.4, "af", 0.5, "sha", 1.5, "ok", None)
    assert table.row(1) == ("b", None, None, None, None, None, None, "sha", 0.5, "quarantined", "lead I is flat.")
    assert dict(table.schema) == {**prediction_columns(TWO), "reason": pl.String}


def test_classes_that_would_share_a_column_are_refused() -> None:
    with pytest.raises(InputError, match="cannot each have a column"):
        prediction_columns(Target("x", "multilabel", ("x", "cal_x")))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula_and_numbers_stay(sign: str) -> None:
    table = escape_formulas(pl.DataFrame({"item": [f"{sign}1+1", "a=b", None], "value": [-1.0, 0.0, 1.0]}))
    assert table["item"].to_list() == [f"'{sign}1+1", "a=b", None]
    assert table["value"].to_list() == [-1.0, 0.0, 1.0]
