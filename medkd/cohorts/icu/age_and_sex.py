"""Age and sex as events, so that a view of vital signs holds them."""

from __future__ import annotations

import polars as pl


def age_and_sex(samples: pl.DataFrame, every: int) -> pl.LazyFrame:
    """``age`` (years) and ``sex`` (1 male, 0 female) of each series at hour 0, or through all hours that its samples may look at.

    Where samples of one series have hours zero of their own, age and sex stand at each of them and on to the last
    question, so that every sample's window holds equally many: an event at its siblings' hours alone would tell how
    many more were to follow.

    Args:
        samples: ``series``, ``age``, ``sex`` and, where a sample does not begin with its series, ``zero_hour``.
        every: hours from one sample of a series to the next, and a divisor of a day.

    >>> samples = pl.DataFrame({"series": ["a", "a"], "age": [70.0, 70.0], "sex": ["male", None], "zero_hour": [-20.0, -16.0]})
    >>> age_and_sex(samples.drop("zero_hour"), 4).collect().rows()
    [('a', 0.0, 'age', 70.0, None), ('a', 0.0, 'sex', 1.0, None)]
    >>> age_and_sex(samples, 4).collect().filter(pl.col("variable") == "age")["hours"].to_list()
    [-20.0, -16.0, -12.0, -8.0, -4.0, 0.0, 4.0]
    """
    zero = pl.col("zero_hour") if "zero_hour" in samples.columns else pl.lit(0.0)
    last = zero.max() + 24 - every if "zero_hour" in samples.columns else zero.max()
    hours = pl.int_range(zero.min().cast(pl.Int64), last.cast(pl.Int64) + 1, every)
    sex = pl.col("sex").replace_strict({"male": 1.0, "female": 0.0}, default=None, return_dtype=pl.Float64)
    return (
        samples.lazy()
        .with_columns(sex, pl.col("age").cast(pl.Float64))
        .group_by("series", maintain_order=True)
        .agg(pl.col("age", "sex").drop_nulls().first(), hours.alias("hours"))
        .explode("hours")
        .with_columns(pl.col("hours").cast(pl.Float64))
        .unpivot(["age", "sex"], index=["series", "hours"])
        .drop_nulls("value")
        .with_columns(pl.lit(None, dtype=pl.String).alias("unit"))
    )
