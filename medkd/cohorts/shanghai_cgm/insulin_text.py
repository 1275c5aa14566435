"""Insulin as written in the Shanghai files: "insulin glargine, 14 IU, Humulin 70/30, 12 IU"."""

from __future__ import annotations

import polars as pl

PREMIXED = r"\d0/\d0|\b\d0R\b|\bM\d0\b|mix"
"""Novolin 30R, Gansulin 40R, insulin aspart 70/30, SciLin M30."""
BASAL = r"degludec|detemir|glar[a-z]*gine|NPH|isophane"
"""The spelling "glarigine" occurs."""
_DOSE = r"(?i)(\d+(?:\.\d+)?)\s*(?:IU|U)\b"


def injected(table: pl.DataFrame, text: str) -> pl.DataFrame:
    """One row per dose in ``text``: all other columns, ``variable`` (bolus, premixed, basal), ``value`` (units).

    >>> doses = ["insulin glargine, 14 IU, Humulin 70/30, 12 IU", "Novolin R, 5 IU"]
    >>> injected(pl.DataFrame({"minute": [0, 5], "text": doses}), "text").rows()
    [(0, 'basal', 14.0), (0, 'premixed', 12.0), (5, 'bolus', 5.0)]
    >>> infusions = ["500ml 5% glucose,  3 IU Novolin R,  10 ml 10% KCl", "not recorded"]
    >>> injected(pl.DataFrame({"text": infusions}), "text").rows()
    [('bolus', 3.0)]
    """
    # An infusion names its units first and the insulin after them: the kind is looked for up to the next comma.
    doses = table.with_columns(pl.col(text).str.extract_all(r"(?i)[^;]*?\d+(?:\.\d+)?\s*(?:IU|U)\b[^,;]*")).explode(
        text
    )
    premixed, basal = (pl.col(text).str.contains(f"(?i){names}") for names in (PREMIXED, BASAL))
    kind = pl.when(premixed).then(pl.lit("premixed")).when(basal).then(pl.lit("basal")).otherwise(pl.lit("bolus"))
    rows = doses.with_columns(kind.alias("variable"), pl.col(text).str.extract(_DOSE).cast(pl.Float64).alias("value"))
    return rows.drop(text).filter(pl.col("value").is_not_null())


def pumped(readings: pl.DataFrame, rate: str, hours: float = 24.0) -> pl.DataFrame:
    """A pump's basal rate as units delivered at each row: the last rate written, for at most ``hours`` after it.

    A word in place of a rate ("temporarily suspend insulin delivery") is a rate of zero.

    Args:
        readings: ``series``, ``minute``, and the rate in units per hour as text; one row per 15 minutes, sorted.
        rate: name of the column of rates.
        hours: for which a rate holds that is not written again.

    >>> table = pl.DataFrame(
    ...     {"series": ["a"] * 4, "minute": [0.0, 15.0, 30.0, 45.0], "rate": [None, "0.4", None, "suspend"]}
    ... )
    >>> pumped(table, "rate").rows()
    [('a', 15.0, 'basal', 0.1), ('a', 30.0, 'basal', 0.1), ('a', 45.0, 'basal', 0.0)]
    """
    written = pl.when(pl.col(rate).is_not_null()).then(pl.col(rate).cast(pl.Float64, strict=False).fill_null(0.0))
    since = pl.when(pl.col(rate).is_not_null()).then(pl.col("minute"))
    delivered = readings.select(
        "series",
        "minute",
        pl.lit("basal").alias("variable"),
        (written.forward_fill().over("series") / 4).alias("value"),
        since.forward_fill().over("series").alias("since"),
    )
    return delivered.filter(pl.col("minute") - pl.col("since") <= 60 * hours).drop("since").drop_nulls("value")
