"""Targets of stays in intensive care and the rules that make their samples.

Death in hospital, decompensation, and length of stay; each rule takes stays that ``usable_stays`` let through.
"""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.exclusions import exclude
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target

DAY = 24
"""Hours. Length of stay is predicted that long after admission; decompensation looks back and ahead as far."""
DECOMPENSATION_EVERY = 4
"""Hours between two predictions of decompensation; the first is made that long after admission."""
LENGTH_OF_STAY = Target(
    "length_of_stay",
    "regression",
    ("length_of_stay",),
    units="days",
    rule=f"days from admission to leaving intensive care, alive or dead, of adults still there and alive at hour {DAY}",
    prediction_hour=DAY,
)
DECOMPENSATION = Target(
    "decompensation",
    "binary",
    ("decompensation",),
    (f"death within {DAY} h",),
    rule=f"every {DECOMPENSATION_EVERY} h of an adult's stay in intensive care; "
    f"positive: death within the next {DAY} h, in the hospital",
    prediction_hour=DAY,
)


def mortality_target(hour: int) -> Target:
    """``mortality_24h`` for hour 24: predicted at that hour of the stay."""
    return Target(
        f"mortality_{hour}h",
        "binary",
        ("mortality",),
        ("death in hospital",),
        rule=f"adults still in intensive care and alive at hour {hour} of the stay; "
        "positive: death before leaving the hospital",
        prediction_hour=hour,
    )


def in_hospital_mortality(stays: pl.DataFrame, hour: int) -> tuple[pl.DataFrame, list[Exclusion]]:
    """One sample per stay that lasts to the hour, of a patient who is then alive.

    ``mortality`` is 1 if the hospital stay ends with death.

    Source: Harutyunyan et al. 2019, arXiv:1703.07771, who predict at 48 h; here repeated stays of a patient are
    samples of their own.

    >>> stays = pl.DataFrame(
    ...     {
    ...         "series": ["a", "b", "c", "d", "e"],
    ...         "length": [50.0, 30.0, 20.0, 24.0, 90.0],
    ...         "died": [0.0, 1.0, 0.0, 1.0, None],
    ...         "death": [None, 100.0, None, 24.0, None],
    ...     }
    ... )
    >>> samples, excluded = in_hospital_mortality(stays, 24)
    >>> samples.select("series", "mortality").rows()
    [('a', 0.0), ('b', 1.0)]
    >>> for exclusion in excluded:
    ...     print(exclusion.count, exclusion.reason)
    1 outcome not known
    1 died before hour 24
    1 left before hour 24
    """
    samples, excluded = exclude(
        stays,
        {
            "outcome not known": pl.col("died").is_null(),
            f"died before hour {hour}": pl.col("death") <= hour,
            f"left before hour {hour}": pl.col("length") < hour,
        },
    )
    return samples.with_columns(pl.col("died").alias("mortality")), excluded


def length_of_stay(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """One sample per stay of a day or longer; ``length_of_stay`` is its whole length in days.

    >>> stays = pl.DataFrame({"series": ["a", "b", "c"], "length": [48.0, 12.0, 30.0], "death": [None, None, 20.0]})
    >>> samples, excluded = length_of_stay(stays)
    >>> samples.select("series", "length_of_stay").rows()
    [('a', 2.0)]
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'died before hour 24'), (1, 'left before hour 24')]
    """
    samples, excluded = exclude(
        stays,
        {f"died before hour {DAY}": pl.col("death") <= DAY, f"left before hour {DAY}": pl.col("length") < DAY},
    )
    return samples.with_columns((pl.col("length") / 24).alias("length_of_stay")), excluded


def decompensation(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """A sample every four hours of a stay, while the patient is there and alive; 1 if death follows within 24 h.

    A sample's ``zero_hour`` is 24 h before its prediction, so that a view [0:24h] is the day that has just passed, and
    hours before admission are unobserved. Exclusions count stays.

    Source: Harutyunyan et al. 2019, arXiv:1703.07771, there every hour and deaths after discharge too.

    >>> stays = pl.DataFrame(
    ...     {
    ...         "series": ["a", "b", "c"],
    ...         "length": [9.0, 3.0, 12.0],
    ...         "died": [1.0, 0.0, None],
    ...         "death": [30.0, None, None],
    ...     }
    ... )
    >>> samples, excluded = decompensation(stays)
    >>> samples.select("sample_id", "series", "zero_hour", "decompensation").rows()
    [('a-4', 'a', -20.0, 0.0), ('a-8', 'a', -16.0, 1.0)]
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'stay with an outcome not known'), (1, 'stay that ends before hour 4')]
    """
    end = pl.min_horizontal("length", "death")
    undated_death = (pl.col("died") == 1) & pl.col("death").is_null()
    included, excluded = exclude(
        stays,
        {
            "stay with an outcome not known": pl.col("died").is_null() | undated_death,
            f"stay that ends before hour {DECOMPENSATION_EVERY}": end <= DECOMPENSATION_EVERY,
        },
    )
    hours = pl.int_ranges(DECOMPENSATION_EVERY, end.ceil().cast(pl.Int64), DECOMPENSATION_EVERY)
    hour = pl.col("prediction_hour")
    samples = included.with_columns(hours.alias("prediction_hour")).explode("prediction_hour")
    return samples.with_columns(
        pl.format("{}-{}", "series", hour).alias("sample_id"),
        (hour - DAY).cast(pl.Float64).alias("zero_hour"),
        (pl.col("death") <= hour + DAY).fill_null(False).cast(pl.Float64).alias("decompensation"),
    ).drop("prediction_hour"), excluded
