"""Where a forecast may stand: at a reading, on an unbroken stretch of sensor glucose."""

from __future__ import annotations

import polars as pl

GAP = 20
"""Minutes: neighbours further apart are not joined, neither by a history nor by interpolation."""


def unbroken(readings: pl.DataFrame, gap: int = GAP) -> pl.DataFrame:
    """Since how many minutes, at each reading, the sensor was not silent for more than ``gap`` minutes.

    Args:
        readings: ``series``, ``minute`` (from the series' start), ordered by both.
        gap: minutes.

    >>> unbroken(pl.DataFrame({"series": ["a"] * 4, "minute": [0.0, 15.0, 60.0, 75.0]}))["unbroken"].to_list()
    [0.0, 15.0, 0.0, 15.0]
    """
    broken = (pl.col("minute").diff().over("series") > gap).fill_null(value=True)
    run = broken.cum_sum().over("series")
    return readings.with_columns((pl.col("minute") - pl.col("minute").first().over("series", run)).alias("unbroken"))


def origins(readings: pl.DataFrame, every: int = 30, history: int = 180) -> pl.DataFrame:
    """The first reading of each ``every`` minutes of a series, where ``history`` minutes before it are unbroken.

    Args:
        readings: ``series``, ``minute``, ``glucose``, ordered by the first two.
        every: minutes.
        history: minutes.

    Returns:
        The chosen rows, with a column ``whole`` that says whether the history is; what lacks one is to be counted, then
            dropped.

    >>> table = pl.DataFrame({"series": "a", "minute": [0.0, 15.0, 30.0, 45.0, 90.0], "glucose": [90.0, 95.0, 99.0, 97.0, 95.0]})
    >>> origins(table, every=30, history=30).select("minute", "whole").rows()
    [(0.0, False), (30.0, True), (90.0, False)]
    """
    block = (pl.col("minute") // every).cast(pl.Int64)
    first = unbroken(readings).filter(pl.struct("series", block.alias("block")).is_first_distinct())
    return first.with_columns((pl.col("unbroken") >= history).alias("whole"))


def thinned(table: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most so many rows a subject, evenly spread over them.

    >>> thinned(pl.DataFrame({"subject_id": ["a"] * 5 + ["b"], "n": [0, 1, 2, 3, 4, 0]}), 2)["n"].to_list()
    [0, 3, 0]
    """
    place, size = pl.int_range(pl.len()).over("subject_id"), pl.len().over("subject_id")
    return table.filter((place * most) % size < most)
