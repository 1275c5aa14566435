"""Meals as written in the Shanghai files: one food and its mass per line, in English and Chinese."""

from __future__ import annotations

import polars as pl

_MASS = r"(?i)(\d+(?:\.\d+)?)\s*(?:g|ml|克|毫升)(?:[^a-z]|$)"
_CARBS = r"(?i)carbohydrates?\s+(\d+(?:\.\d+)?)\s*g"
_FASTING = r"(?i)^\s*fasting\b"


def eaten(table: pl.DataFrame, english: str, chinese: str) -> pl.DataFrame:
    r"""One row per meal and variable: all other columns, ``variable`` (mass, carbs, unweighed), ``value``.

    The masses of a meal are added up, a millilitre as a gram; they are read from the Chinese text where the English has
    none. A meal without any ("data not available", "1 piece of pie") is one ``unweighed`` meal: it was eaten, how much
    is not known. Masses of "carbohydrate", absent from the published files, count as ``carbs``, too. "Fasting for
    examination" is not a meal.

    >>> english = ["Egg 63 g\nMilk 250 ml", "data not available", "Pork rib noodles", "fasting for examination", None]
    >>> table = pl.DataFrame({"en": english})
    >>> eaten(table.with_columns(zh=pl.Series(["鸡蛋", "未记录", "排骨面200克", None, None])), "en", "zh").rows()
    [('mass', 313.0), ('unweighed', 1.0), ('mass', 200.0)]
    >>> eaten(pl.DataFrame({"en": ["Carbohydrate 45 g"], "zh": [""]}), "en", "zh").rows()
    [('mass', 45.0), ('carbs', 45.0)]
    """
    meals = table.filter(pl.col(english).is_not_null() & ~pl.col(english).str.contains(_FASTING))
    mass = pl.coalesce(_added(english, _MASS), _added(chinese, _MASS))
    wide = meals.with_columns(mass.alias("mass"), _added(english, _CARBS).alias("carbs")).drop(english, chinese)
    wide = wide.with_columns(pl.when(pl.col("mass").is_null()).then(1.0).alias("unweighed"))
    others = [name for name in table.columns if name not in (english, chinese)]
    rows = (
        wide.with_row_index("meal").unpivot(["mass", "carbs", "unweighed"], index=["meal", *others]).drop_nulls("value")
    )
    return rows.sort("meal", maintain_order=True).drop("meal")


def _added(column: str, pattern: str) -> pl.Expr:
    """The sum of the numbers that a pattern finds in a text; null where it finds none."""
    numbers = pl.col(column).str.extract_all(pattern)
    return pl.when(numbers.list.len() > 0).then(
        numbers.list.eval(pl.element().str.extract(pattern).cast(pl.Float64)).list.sum()
    )
