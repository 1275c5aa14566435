"""Who dies in the hospital, asked at one hour of a stay in intensive care."""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.left_out import leave_out
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target


def mortality_target(hour: int) -> Target:
    """``mortality_24h`` for hour 24: asked at that hour of the stay."""
    return Target(
        f"mortality_{hour}h",
        "binary",
        ("mortality",),
        ("death in hospital",),
        rule=f"adults still in intensive care and alive at hour {hour} of the stay; positive: death before leaving the hospital",
        prediction_hour=hour,
    )


def in_hospital_mortality(stays: pl.DataFrame, hour: int) -> tuple[pl.DataFrame, list[Exclusion]]:
    """One sample a stay that lasts to the hour, of a patient who is then alive.

    ``mortality`` is 1 if the hospital stay ends with death.

    Source: Harutyunyan et al. 2019, arXiv:1703.07771, asked at 48 h; here repeated stays of a patient are samples of
    their own.

    >>> stays = pl.DataFrame({"series": ["a", "b", "c", "d", "e"], "length": [50.0, 30.0, 20.0, 24.0, 90.0],
    ...     "died": [0.0, 1.0, 0.0, 1.0, None], "death": [None, 100.0, None, 24.0, None]})
    >>> kept, left = in_hospital_mortality(stays, 24)
    >>> kept.select("series", "mortality").rows()
    [('a', 0.0), ('b', 1.0)]
    >>> for out in left:
    ...     print(out.count, out.reason)
    1 outcome not known
    1 died before hour 24
    1 left before hour 24
    """
    kept, left = leave_out(
        stays,
        {
            "outcome not known": pl.col("died").is_null(),
            f"died before hour {hour}": pl.col("death") <= hour,
            f"left before hour {hour}": pl.col("length") < hour,
        },
    )
    return kept.with_columns(pl.col("died").alias("mortality")), left
