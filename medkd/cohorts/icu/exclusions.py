"""Exclusions: rows of a table that are left out, each counted under the first reason that applies to it.

Also the exclusions that every target of stays in intensive care shares.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from medkd.data.core.sample import Exclusion

STAY_COLUMNS = ("series", "subject_id", "age", "sex", "site", "length", "discharge", "died", "death")
"""Columns of a table of stays, one row per stay; all hours count from the admission to intensive care.

``series``: the stay (text); ``subject_id``: the patient (text); ``age``: years at admission; ``sex``: female or male;
``site``: the first unit or the hospital; ``length``: hours to leaving intensive care; ``discharge``: hours to leaving
the hospital; ``died``: 1.0 in this hospital stay, 0.0 not, null unknown; ``death``: hours to that death, else null.
"""
ADULT = 18
_REASON = "reason for exclusion"


def exclude(table: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, list[Exclusion]]:
    """The rows to which no reason applies, and how many were excluded for which.

    Args:
        table: any rows.
        reasons: reason → condition of exclusion, in the order in which they are tried; null is "no".

    >>> stays = pl.DataFrame({"series": ["a", "b", "c"], "length": [50.0, 3.0, None]})
    >>> reasons = {"no length": pl.col("length").is_null(), "shorter than 24 h": pl.col("length") < 24}
    >>> included, excluded = exclude(stays, reasons)
    >>> included["series"].to_list()
    ['a']
    >>> [(exclusion.count, exclusion.reason) for exclusion in excluded]
    [(1, 'no length'), (1, 'shorter than 24 h')]
    """
    first = pl.coalesce(
        *(pl.when(condition).then(pl.lit(reason)) for reason, condition in reasons.items()),
        pl.lit(None, dtype=pl.String),
    )
    marked = table.with_columns(first.alias(_REASON))
    counts = dict(marked[_REASON].drop_nulls().value_counts().iter_rows())
    excluded = [Exclusion(reason, counts[reason]) for reason in reasons if reason in counts]
    return marked.filter(pl.col(_REASON).is_null()).drop(_REASON), excluded


def usable_stays(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """Stays of adults whose times can be read, each once; of a stay in several rows the first is used.

    A stay whose age is not known is used.

    Args:
        stays: the columns of ``STAY_COLUMNS``.

    >>> stays = pl.DataFrame(
    ...     {
    ...         "series": ["a", "a", "b", "c", "d"],
    ...         "subject_id": ["1", "1", "2", "3", None],
    ...         "age": [60.0, 60.0, 0.0, None, 70.0],
    ...         "length": [50.0, 50.0, 90.0, -1.0, 30.0],
    ...     }
    ... )
    >>> included, excluded = usable_stays(stays)
    >>> included["series"].to_list()
    ['a']
    >>> for exclusion in excluded:
    ...     print(exclusion.count, exclusion.reason)
    1 stay without an id of stay or patient
    1 stay stands twice
    1 stay whose times cannot be read, or that ends before it begins
    1 younger than 18 years
    """
    length = pl.col("length")
    return exclude(
        stays,
        {
            "stay without an id of stay or patient": pl.col("series").is_null() | pl.col("subject_id").is_null(),
            "stay stands twice": ~pl.col("series").is_first_distinct(),
            "stay whose times cannot be read, or that ends before it begins": length.is_null() | (length < 0),
            f"younger than {ADULT} years": pl.col("age") < ADULT,
        },
    )
