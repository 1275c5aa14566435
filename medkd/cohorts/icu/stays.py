"""Stays in intensive care, in the form that every target's rule starts from."""

from __future__ import annotations

import polars as pl

from medkd.cohorts.icu.left_out import leave_out
from medkd.data.core.sample import Exclusion

STAY = ("series", "subject_id", "age", "sex", "site", "length", "discharge", "died", "death")
"""Columns of a table of stays, one row a stay; all hours count from the admission to intensive care.

``series``: the stay (text); ``subject_id``: the patient (text); ``age``: years at admission; ``sex``: female or male;
``site``: the first unit or the hospital; ``length``: hours to leaving intensive care; ``discharge``: hours to leaving
the hospital; ``died``: 1.0 in this hospital stay, 0.0 not, null unknown; ``death``: hours to that death, else null.
"""
ADULT = 18


def usable_stays(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Exclusion]]:
    """Stays of adults whose times can be read, each once; the first row of a stay that stands twice is kept.

    An age that is not known leaves nobody out.

    >>> stays = pl.DataFrame({"series": ["a", "a", "b", "c", "d"], "subject_id": ["1", "1", "2", "3", None],
    ...     "age": [60.0, 60.0, 0.0, None, 70.0], "length": [50.0, 50.0, 90.0, -1.0, 30.0]})
    >>> kept, left = usable_stays(stays)
    >>> kept["series"].to_list()
    ['a']
    >>> for out in left:
    ...     print(out.count, out.reason)
    1 stay without an id of stay or patient
    1 stay stands twice
    1 stay whose times cannot be read, or that ends before it begins
    1 younger than 18 years
    """
    return leave_out(
        stays,
        {
            "stay without an id of stay or patient": pl.col("series").is_null() | pl.col("subject_id").is_null(),
            "stay stands twice": ~pl.col("series").is_first_distinct(),
            "stay whose times cannot be read, or that ends before it begins": pl.col("length").is_null()
            | (pl.col("length") < 0),
            f"younger than {ADULT} years": pl.col("age") < ADULT,
        },
    )
