"""Hospital admissions from events, for data sets without labels."""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.stay_hours import hours_between

ADMISSION, DISCHARGE, DEATH = "HOSPITAL_ADMISSION", "HOSPITAL_DISCHARGE", "MEDS_DEATH"
"""Kinds of codes: the code itself, and all that continue it after ``//``."""
YEAR = 24 * 365.25


def kind_of(*kinds: str) -> pl.Expr:
    """Whether ``code`` is of one of these kinds."""
    return pl.any_horizontal((pl.col("code") == kind) | pl.col("code").str.starts_with(f"{kind}//") for kind in kinds)


def admissions(events: pl.DataFrame) -> pl.DataFrame:
    """One row per admission: ``subject_id``, ``start``, ``length`` (hours), ``died``, ``death`` (hours).

    An admission ends with the subject's next discharge. A death belongs to it when it comes after the admission and not
    later than the day of that discharge: discharge of the dead is often dated to midnight. The admission then ends with
    the death. One without a later discharge has neither length nor outcome.

    Args:
        events: ``subject_id``, ``time``, ``code``.

    >>> from datetime import datetime as dt
    >>> came, left = "HOSPITAL_ADMISSION//URGENT", "HOSPITAL_DISCHARGE//HOME"
    >>> events = pl.DataFrame(
    ...     {
    ...         "subject_id": [1] * 5,
    ...         "code": [came, left, came, "HOSPITAL_DISCHARGE//DIED", "MEDS_DEATH"],
    ...         "time": [dt(2100, 1, 1), dt(2100, 1, 3), dt(2100, 5, 1, 12), dt(2100, 5, 2), dt(2100, 5, 2, 18)],
    ...     }
    ... )
    >>> admissions(events).drop("start").rows()
    [(1, 48.0, 0.0, None), (1, 30.0, 1.0, 30.0)]
    """
    timed = events.drop_nulls("time").sort("time")
    began = timed.filter(kind_of(ADMISSION)).select("subject_id", pl.col("time").alias("start"))
    ended = timed.filter(kind_of(DISCHARGE)).select("subject_id", pl.col("time").alias("end"))
    died = (
        timed.filter(kind_of(DEATH))
        .unique("subject_id", keep="first")
        .select("subject_id", pl.col("time").alias("dies"))
    )
    stays = began.join_asof(
        ended,
        left_on="start",
        right_on="end",
        by="subject_id",
        strategy="forward",
        coalesce=False,
        check_sortedness=False,
    )
    stays = stays.join(died, on="subject_id", how="left", maintain_order="left")
    within = (pl.col("dies") >= pl.col("start")) & (pl.col("dies").dt.date() <= pl.col("end").dt.date())
    return (
        stays.with_columns(
            pl.when(pl.col("end").is_not_null()).then(within.fill_null(False).cast(pl.Float64)).alias("died")
        )
        .with_columns(pl.when(pl.col("died") == 1).then(pl.col("dies")).alias("dies"))
        .with_columns(pl.max_horizontal("end", "dies").alias("end"))
        .select(
            "subject_id",
            "start",
            hours_between("start", "end").alias("length"),
            "died",
            hours_between("start", "dies").alias("death"),
        )
        .sort("subject_id", "start")
    )
