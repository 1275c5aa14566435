"""Who dies within a day, asked again and again through a stay in intensive care."""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.left_out import leave_out
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target

EVERY = 4
"""Hours from one question to the next; the first is asked that long after admission."""
SEEN = 24
"""Hours before the question that lie after a sample's time zero."""
AHEAD = 24

DECOMPENSATION = Target(
    "decompensation",
    "binary",
    ("decompensation",),
    (f"death within {AHEAD} h",),
    rule=f"every {EVERY} h of an adult's stay in intensive care; positive: death within the next {AHEAD} h, in the hospital",
    prediction_hour=SEEN,
)


def decompensation(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """A sample every four hours of a stay, while the patient is there and alive; 1 if death follows within 24 h.

    A sample's ``zero_hour`` lies 24 h before the question, so that a view [0:24h] is the day that has just passed, and
    what lies before admission is unobserved. Counts of what is left out are stays.

    Source: Harutyunyan et al. 2019, arXiv:1703.07771, there every hour and deaths after discharge too.

    >>> stays = pl.DataFrame({"series": ["a", "b", "c"], "length": [9.0, 3.0, 12.0], "died": [1.0, 0.0, None], "death": [30.0, None, None]})
    >>> kept, left = decompensation(stays)
    >>> kept.select("sample_id", "series", "zero_hour", "decompensation").rows()
    [('a-4', 'a', -20.0, 0.0), ('a-8', 'a', -16.0, 1.0)]
    >>> [(out.count, out.reason) for out in left]
    [(1, 'stay with an outcome not known'), (1, 'stay that ends before hour 4')]
    """
    end = pl.min_horizontal("length", "death")
    kept, left = leave_out(
        stays,
        {
            "stay with an outcome not known": pl.col("died").is_null()
            | ((pl.col("died") == 1) & pl.col("death").is_null()),
            f"stay that ends before hour {EVERY}": end <= EVERY,
        },
    )
    asked = kept.with_columns(pl.int_ranges(EVERY, end.ceil().cast(pl.Int64), EVERY).alias("asked")).explode("asked")
    return asked.with_columns(
        pl.format("{}-{}", "series", "asked").alias("sample_id"),
        (pl.col("asked") - SEEN).cast(pl.Float64).alias("zero_hour"),
        (pl.col("death") <= pl.col("asked") + AHEAD).fill_null(False).cast(pl.Float64).alias("decompensation"),
    ).drop("asked"), left
