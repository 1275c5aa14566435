"""How long a stay in intensive care lasts, asked a day after it began."""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.left_out import leave_out
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target

ASKED = 24
LENGTH_OF_STAY = Target(
    "length_of_stay",
    "regression",
    ("length_of_stay",),
    units="days",
    rule=f"days from admission to leaving intensive care, alive or dead, of adults still there and alive at hour {ASKED}",
    prediction_hour=ASKED,
)


def length_of_stay(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """One sample a stay that lasts a day or longer; ``length_of_stay`` is its whole length in days.

    >>> stays = pl.DataFrame({"series": ["a", "b", "c"], "length": [48.0, 12.0, 30.0], "death": [None, None, 20.0]})
    >>> kept, left = length_of_stay(stays)
    >>> kept.select("series", "length_of_stay").rows()
    [('a', 2.0)]
    >>> [(out.count, out.reason) for out in left]
    [(1, 'died before hour 24'), (1, 'left before hour 24')]
    """
    kept, left = leave_out(
        stays,
        {
            f"died before hour {ASKED}": pl.col("death") <= ASKED,
            f"left before hour {ASKED}": pl.col("length") < ASKED,
        },
    )
    return kept.with_columns((pl.col("length") / 24).alias("length_of_stay")), left
