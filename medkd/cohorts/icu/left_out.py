"""Leaving rows out, each counted under the first reason that applies to it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from medkd.data.core.sample import Exclusion


def leave_out(table: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, list[Exclusion]]:
    """The rows to which no reason applies, and how many were left out for which.

    Args:
        table: any rows.
        reasons: in the order in which they are asked, what must hold for a row to be left out; null is "no".

    >>> stays = pl.DataFrame({"series": ["a", "b", "c"], "length": [50.0, 3.0, None]})
    >>> kept, left = leave_out(stays, {"no length": pl.col("length").is_null(), "shorter than 24 h": pl.col("length") < 24})
    >>> kept["series"].to_list()
    ['a']
    >>> [(out.count, out.reason) for out in left]
    [(1, 'no length'), (1, 'shorter than 24 h')]
    """
    why = pl.coalesce(
        *(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items()), pl.lit(None, dtype=pl.String)
    )
    marked = table.with_columns(why.alias(_WHY))
    counts = dict(marked[_WHY].drop_nulls().value_counts().iter_rows())
    return marked.filter(pl.col(_WHY).is_null()).drop(_WHY), [
        Exclusion(reason, counts[reason]) for reason in reasons if reason in counts
    ]


_WHY = "left out for"
