"""Glucose at an exact time, between two readings that are near enough."""

from __future__ import annotations

import polars as pl

from medkd.modalities.cgm.origins import GAP


def glucose_at(readings: pl.DataFrame, wanted: pl.DataFrame, ahead: float, gap: float = GAP) -> pl.Series:
    """Glucose ``ahead`` minutes after each wanted time.

    Read then, or interpolated between neighbours at most ``gap`` minutes apart.

    Args:
        readings: ``series``, ``minute``, ``glucose``.
        wanted: ``series``, ``minute``.
        ahead: minutes.
        gap: minutes.

    Returns:
        One value a wanted row, in mg/dL; null where no reading is near enough.

    >>> readings = pl.DataFrame({"series": "a", "minute": [0.0, 10.0, 20.0, 60.0], "glucose": [100.0, 110.0, 130.0, 90.0]})
    >>> glucose_at(readings, pl.DataFrame({"series": ["a"] * 4, "minute": [0.0, 5.0, 10.0, 30.0]}), 10).to_list()
    [110.0, 120.0, 130.0, None]
    """
    times = wanted.select("series", minute=pl.col("minute") + ahead).with_row_index("row").sort("minute")
    held = readings.select("series", "minute", "glucose").sort("minute").with_columns(at=pl.col("minute"))
    found = times
    for side, strategy in (("before", "backward"), ("after", "forward")):
        beside = held.rename({"at": f"at_{side}", "glucose": side})
        # The rows are sorted by time, which within each series is what the join needs; it cannot check that.
        found = found.join_asof(beside, on="minute", by="series", strategy=strategy, check_sortedness=False)  # type: ignore[arg-type]
    span = pl.col("at_after") - pl.col("at_before")
    share = pl.when(span > 0).then((pl.col("minute") - pl.col("at_before")) / span).otherwise(0.0)
    value = pl.when(span <= gap).then(pl.col("before") + share * (pl.col("after") - pl.col("before")))
    return found.sort("row").select(value.alias("glucose"))["glucose"]
