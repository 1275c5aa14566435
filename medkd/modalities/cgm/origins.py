"""Origins of forecasts (readings after unbroken sensor glucose) and the glucose that is forecast from them."""

from __future__ import annotations

import polars as pl

GAP = 20
"""Minutes between neighbouring readings, at most, that a history or an interpolation may bridge."""


def unbroken(readings: pl.DataFrame, gap: int = GAP) -> pl.DataFrame:
    """Readings with ``unbroken``: the minutes before each without a gap of more than ``gap`` minutes.

    Args:
        readings: ``series``, ``minute`` (from the series' start), sorted by both.
        gap: minutes.

    >>> unbroken(pl.DataFrame({"series": ["a"] * 4, "minute": [0.0, 15.0, 60.0, 75.0]}))["unbroken"].to_list()
    [0.0, 15.0, 0.0, 15.0]
    """
    broken = (pl.col("minute").diff().over("series") > gap).fill_null(value=True)
    run = broken.cum_sum().over("series")
    return readings.with_columns((pl.col("minute") - pl.col("minute").first().over("series", run)).alias("unbroken"))


def origins(readings: pl.DataFrame, every: int = 30, history: int = 180) -> pl.DataFrame:
    """The first reading of each ``every`` minutes of a series, and whether the minutes before it are unbroken.

    Args:
        readings: ``series``, ``minute``, ``glucose``, sorted by the first two.
        every: minutes.
        history: minutes that must be unbroken.

    Returns:
        The chosen rows, with a column ``whole``: false where the history is broken, so that those can be counted.

    >>> minutes, glucose = [0.0, 15.0, 30.0, 45.0, 90.0], [90.0, 95.0, 99.0, 97.0, 95.0]
    >>> table = pl.DataFrame({"series": "a", "minute": minutes, "glucose": glucose})
    >>> origins(table, every=30, history=30).select("minute", "whole").rows()
    [(0.0, False), (30.0, True), (90.0, False)]
    """
    block = (pl.col("minute") // every).cast(pl.Int64)
    first = unbroken(readings).filter(pl.struct("series", block.alias("block")).is_first_distinct())
    return first.with_columns((pl.col("unbroken") >= history).alias("whole"))


def thinned(table: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most ``most`` rows per subject, evenly spread.

    >>> thinned(pl.DataFrame({"subject_id": ["a"] * 5 + ["b"], "n": [0, 1, 2, 3, 4, 0]}), 2)["n"].to_list()
    [0, 3, 0]
    """
    number, size = pl.int_range(pl.len()).over("subject_id"), pl.len().over("subject_id")
    return table.filter((number * most) % size < most)


def glucose_at(readings: pl.DataFrame, times: pl.DataFrame, ahead: float, gap: float = GAP) -> pl.Series:
    """Glucose ``ahead`` minutes after each time, read then or interpolated between two readings.

    Args:
        readings: ``series``, ``minute``, ``glucose``.
        times: ``series``, ``minute``.
        ahead: minutes.
        gap: minutes between two readings, at most, for interpolation.

    Returns:
        One value per row of ``times``, in mg/dL; null where no reading is near enough.

    >>> minutes, glucose = [0.0, 10.0, 20.0, 60.0], [100.0, 110.0, 130.0, 90.0]
    >>> readings = pl.DataFrame({"series": "a", "minute": minutes, "glucose": glucose})
    >>> glucose_at(readings, pl.DataFrame({"series": ["a"] * 4, "minute": [0.0, 5.0, 10.0, 30.0]}), 10).to_list()
    [110.0, 120.0, 130.0, None]
    """
    sought = times.select("series", minute=pl.col("minute") + ahead).with_row_index("row").sort("minute")
    known = readings.select("series", "minute", "glucose").sort("minute").with_columns(at=pl.col("minute"))
    for side, strategy in (("before", "backward"), ("after", "forward")):
        beside = known.rename({"at": f"at_{side}", "glucose": side})
        # The rows are sorted by time, which within each series is what the join needs; it cannot check that.
        sought = sought.join_asof(beside, on="minute", by="series", strategy=strategy, check_sortedness=False)  # type: ignore[arg-type]
    span = pl.col("at_after") - pl.col("at_before")
    share = pl.when(span > 0).then((pl.col("minute") - pl.col("at_before")) / span).otherwise(0.0)
    value = pl.when(span <= gap).then(pl.col("before") + share * (pl.col("after") - pl.col("before")))
    return sought.sort("row").select(value.alias("glucose"))["glucose"]
