"""Diagnosis codes as eICU writes them: several systems in one cell."""

from __future__ import annotations

import polars as pl

_ICD9 = r"^(\d|V\d|E\d{3})"
"""ICD-9 codes begin with a digit, with V, or with E and three digits; ICD-10 has E and two."""


def split_codes(table: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """A row a code, ``variable``: the code without its dot, after its system.

    >>> table = pl.LazyFrame({"stay": [1, 2, 3], "icd9code": ["401.9, I10", "E878.8", None]})
    >>> split_codes(table, "icd9code").collect().rows()
    [(1, 'ICD9:4019'), (1, 'ICD10:I10'), (2, 'ICD9:E8788')]
    """
    code = pl.col("variable")
    system = pl.when(code.str.contains(_ICD9)).then(pl.lit("ICD9:")).otherwise(pl.lit("ICD10:"))
    return (
        table.with_columns(pl.col(column).str.split(",").alias("variable"))
        .drop(column)
        .explode("variable")
        .with_columns(code.str.strip_chars().str.to_uppercase())
        .filter(code.is_not_null() & (code != ""))
        .with_columns((system + code.str.replace_all(".", "", literal=True)).alias("variable"))
    )
