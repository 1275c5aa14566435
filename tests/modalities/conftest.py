"""Single published values, as a modality of variables standardises them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from medkd.data.events.grid import Grid

Standardised = tuple[str | None, float | None, str | None]


@pytest.fixture
def standard() -> Callable[..., Standardised]:
    """``standard(kind, variable, value, unit)``: the variable, its value in our unit, and why it is not one."""

    def standardised(kind: type[Grid], variable: str, value: float, unit: str | None = None) -> Standardised:
        table = pl.LazyFrame(
            {"series": ["a"], "hours": [0.0], "variable": [variable], "value": [value], "unit": [unit]},
            schema_overrides={"unit": pl.String},
        )
        row = kind().standardise(table).collect().select("variable", "value", "flaw").row(0)
        return row[0], row[1], row[2]

    return standardised
