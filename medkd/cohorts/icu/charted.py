"""What is charted in pieces, or on two scales, as one variable."""

from __future__ import annotations

import polars as pl

COMA_SCALE = ("gcs_eye", "gcs_verbal", "gcs_motor")


def coma_scale(events: pl.LazyFrame) -> pl.LazyFrame:
    """Eye, verbal and motor response of one series and hour as their sum, ``gcs``.

    Where one of the three lacks there is no sum.

    The verbal response of an intubated patient counts as it was charted, usually 1.

    >>> charted = pl.LazyFrame({"series": ["a"] * 4, "hours": [1.0, 1.0, 1.0, 2.0], "variable": [*COMA_SCALE, "gcs_eye"],
    ...     "value": [4.0, 5.0, 6.0, 3.0], "unit": [None] * 4}, schema_overrides={"unit": pl.String})
    >>> coma_scale(charted).collect().rows()
    [('a', 1.0, 'gcs', 15.0, None)]
    """
    parts = pl.col("variable").is_in(COMA_SCALE)
    sums = (
        events.filter(parts & pl.col("value").is_not_null())
        .unique(["series", "hours", "variable"], keep="last", maintain_order=True)
        .group_by("series", "hours", maintain_order=True)
        .agg(
            pl.lit("gcs").alias("variable"),
            pl.col("value").sum(),
            pl.lit(None, dtype=pl.String).alias("unit"),
            pl.len().alias("parts"),
        )
        .filter(pl.col("parts") == len(COMA_SCALE))
        .drop("parts")
    )
    columns = ("series", "hours", "variable", "value", "unit")
    return pl.concat([events.filter(~parts).select(columns), sums.select(columns)])


def oxygen_fraction() -> pl.Expr:
    """``value``, where that of ``fio2`` above 1 is taken for per cent: both are charted under one item.

    >>> charted = pl.DataFrame({"variable": ["fio2", "fio2", "gcs"], "value": [0.5, 50.0, 15.0]})
    >>> charted.select(oxygen_fraction())["value"].to_list()
    [0.5, 0.5, 15.0]
    """
    value = pl.col("value")
    return pl.when((pl.col("variable") == "fio2") & (value > 1)).then(value / 100).otherwise(value)
