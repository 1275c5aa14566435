"""Derived variables: the coma scale's sum, oxygen on one scale, and age and sex as events."""

from __future__ import annotations

import polars as pl

COMA_SCALE = ("gcs_eye", "gcs_verbal", "gcs_motor")
EVENT_COLUMNS = ("series", "hours", "variable", "value", "unit")


def coma_scale(events: pl.LazyFrame) -> pl.LazyFrame:
    """Events in which the three responses of the Glasgow Coma Scale are replaced by their sum, ``gcs``.

    Responses are added up per series and hour; where one of the three is missing there is no sum. The verbal response
    of an intubated patient counts as it was charted, usually 1.

    Args:
        events: ``series``, ``hours``, ``variable``, ``value``, ``unit``.

    >>> events = pl.LazyFrame(
    ...     {
    ...         "series": ["a"] * 4,
    ...         "hours": [1.0, 1.0, 1.0, 2.0],
    ...         "variable": [*COMA_SCALE, "gcs_eye"],
    ...         "value": [4.0, 5.0, 6.0, 3.0],
    ...         "unit": [None] * 4,
    ...     },
    ...     schema_overrides={"unit": pl.String},
    ... )
    >>> coma_scale(events).collect().rows()
    [('a', 1.0, 'gcs', 15.0, None)]
    """
    is_response = pl.col("variable").is_in(COMA_SCALE)
    sums = (
        events.filter(is_response & pl.col("value").is_not_null())
        .unique(["series", "hours", "variable"], keep="last", maintain_order=True)
        .group_by("series", "hours", maintain_order=True)
        .agg(
            pl.lit("gcs").alias("variable"),
            pl.col("value").sum(),
            pl.lit(None, dtype=pl.String).alias("unit"),
            pl.len().alias("responses"),
        )
        .filter(pl.col("responses") == len(COMA_SCALE))
        .drop("responses")
    )
    return pl.concat([events.filter(~is_response).select(EVENT_COLUMNS), sums.select(EVENT_COLUMNS)])


def oxygen_fraction() -> tuple[pl.Expr, pl.Expr]:
    """``value`` and ``unit`` with ``fio2`` as a fraction: divided by 100 where it is above 1, whatever its unit says.

    Fractions and percentages are charted under one item, and both of them as %; a fraction of less than 1 % is none.

    >>> events = pl.DataFrame(
    ...     {"variable": ["fio2", "fio2", "gcs"], "value": [0.5, 50.0, 15.0], "unit": ["%", "%", "points"]}
    ... )
    >>> events.with_columns(oxygen_fraction()).rows()
    [('fio2', 0.5, None), ('fio2', 0.5, None), ('gcs', 15.0, 'points')]
    """
    value, unit = pl.col("value"), pl.col("unit")
    is_share = (pl.col("variable") == "fio2") & (unit.is_null() | unit.is_in(["%", "1", "fraction"]))
    return (
        pl.when(is_share & (value > 1)).then(value / 100).otherwise(value).alias("value"),
        pl.when(is_share).then(None).otherwise(unit).alias("unit"),
    )


def age_and_sex(samples: pl.DataFrame, every: int) -> pl.LazyFrame:
    """``age`` (years) and ``sex`` (1 male, 0 female) as events, so that a view of vital signs includes them.

    They are events at hour 0 of each series. Where samples have a ``zero_hour`` each, they are repeated from the first
    of these to a series' last prediction, so that every sample's window has equally many: an event at the other
    samples' hours alone would reveal how many more samples follow.

    Args:
        samples: ``series``, ``age``, ``sex`` and, where a sample does not begin with its series, ``zero_hour``.
        every: hours from one sample of a series to the next, and a divisor of a day.

    >>> samples = pl.DataFrame(
    ...     {"series": ["a", "a"], "age": [70.0, 70.0], "sex": ["male", None], "zero_hour": [-20.0, -16.0]}
    ... )
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
