"""Hours of stays: the times of a table as hours from the admission of the stay that they fall into."""

from __future__ import annotations

import polars as pl

BEFORE = 24
"""Hours before admission to intensive care that still belong to a stay: the ward, the emergency room."""


def hours_between(start: str, end: str) -> pl.Expr:
    """Hours from one column of times to another."""
    return (pl.col(end) - pl.col(start)).dt.total_seconds() / 3600


def belongs_to_stay() -> pl.Expr:
    """Whether ``hours`` is from 24 h before a stay to ``length``, its end; true where it is not known."""
    hours = pl.col("hours")
    return hours.is_null() | ((hours >= -BEFORE) & (hours <= pl.col("length")))


def during_stays(events: pl.LazyFrame, stays: pl.DataFrame, key: str, time: str) -> pl.LazyFrame:
    """Each event once per stay that it falls into: ``series`` and ``hours`` replace ``key`` and ``time``.

    A stay's events begin 24 h before it and end with it. An event whose time cannot be read stays in the table, its
    hours null, to be counted later.

    Args:
        events: ``key``, ``time`` and any other columns.
        stays: ``key``, ``series``, ``start`` (time), ``length`` (hours).
        key: name of the column that both share, of a patient or a stay.
        time: name of the column of times.

    >>> from datetime import datetime as dt
    >>> stays = pl.DataFrame({"subject": [1], "series": ["a"], "start": [dt(2100, 1, 2)], "length": [30.0]})
    >>> events = pl.LazyFrame({"subject": [1, 1, 1, 2], "value": [1, 2, 3, 4],
    ...     "at": [dt(2100, 1, 2, 6), dt(2099, 12, 31), None, dt(2100, 1, 2)]})
    >>> during_stays(events, stays, "subject", "at").collect().rows()
    [(1, 'a', 6.0), (3, 'a', None)]
    """
    return (
        # The stays are in memory, the events are streamed past them in their order.
        events.join(
            stays.lazy().select(key, "series", "start", "length"),
            on=key,
            build_side="force_right",
            maintain_order="left",
        )
        .with_columns(hours_between("start", time).alias("hours"))
        .filter(belongs_to_stay())
        .drop(key, time, "start", "length")
    )
