"""Standard values: published ones in a modality's variables and units, with the reason why one is set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.events.events import Events
from medkd.data.events.value_count import IMPLAUSIBLE, NO_NUMBER, NO_TIME, NO_UNIT, NOT_USED, ValueCount
from medkd.data.events.variables import UNSTATED, Variable, named_unit, unit_key
from medkd.errors import RecordError

_WORD = "word"
NumberOf = Callable[[str], tuple[float, bool] | None]
"""A word → the number that it stands for, and whether that is in the unit that the file states, not the table's."""


@dataclass(frozen=True)
class Entries:
    """How the values of a file are read; each array has one element per entry of the file, see ``events.ENTRY``.

    Args:
        names: of the variables, in the table where they are in it.
        line: "entry 2", factor and offset to the table's unit.
        number: that the entry's word stands for, NaN where it has none.
        flaw: why its values are set aside, else "".
        low, high: plausible limits.
        measured: whether its values are measurements.
    """

    names: tuple[str, ...]
    line: NDArray[np.float64]
    number: NDArray[np.float64]
    flaw: NDArray[np.str_]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    measured: NDArray[np.bool_]

    def values_of(self, published: Events, where: str) -> Events:
        """The events that can be used, converted, and the count of all.

        Args:
            published: of one sample, as its file has them.
            where: the file's name.

        Raises:
            RecordError: a word stands for the value of a known variable.
        """
        entry, hours = published.variable, published.hours
        if (self.flaw[entry] == _WORD).any():
            raise RecordError(
                "holds a word where a number belongs", where=where, remedy="Write hours and values as numbers"
            )
        number = np.where(np.isnan(self.number[entry]), published.value, self.number[entry])
        # Converted in 64 bits; a value in the table's own unit stays as it is.
        value = (number * self.line[entry, 0] + self.line[entry, 1]).astype(np.float32)
        flaw = np.select(
            [
                self.flaw[entry] != "",
                np.isnan(value),
                (value < self.low[entry]) | (value > self.high[entry]),
                np.isnan(hours),
            ],
            [self.flaw[entry], NO_NUMBER, IMPLAUSIBLE, NO_TIME],
            "",
        )
        usable = flaw == ""
        reasons, counts = np.unique(flaw[~usable], return_counts=True)
        count = ValueCount(
            int(usable.sum()),
            int((usable & self.measured[entry]).sum()),
            dict(zip(reasons.tolist(), counts.tolist(), strict=True)),
        )
        events = replace(published, hours=hours[usable], variable=entry[usable], value=value[usable], count=count)
        return events.merged(self.names)


def entries_of(
    variables: tuple[str, ...],
    units: tuple[str | None, ...],
    words: tuple[str | None, ...],
    table: Mapping[str, Variable],
    names: Mapping[str, str],
    number_of: NumberOf,
) -> Entries:
    """How a file's entries are read.

    Args:
        variables, units, words: of the entries, see ``Events``.
        table: of variables.
        names: every name of a variable, in lower case → its name in the table.
        number_of: meaning of words.
    """
    rows = [
        _entry(*entry, table, names, number_of)
        for entry in zip(variables, units or (None,) * len(variables), words or (None,) * len(variables), strict=True)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 6
    # Limits as 32-bit numbers, like the values, so that a value at its limit stays within it.
    low, high = np.array(columns[4], np.float32).reshape(-1, 2).T
    return Entries(
        tuple(columns[0]),
        np.array(columns[1], np.float64).reshape(-1, 2),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.str_),
        low,
        high,
        np.array(columns[5], np.bool_),
    )


def _entry(
    name: str,
    unit: str | None,
    word: str | None,
    table: Mapping[str, Variable],
    names: Mapping[str, str],
    number_of: NumberOf,
) -> tuple[str, tuple[float, float], float, str, tuple[float, float], bool]:
    """Name, factor and offset, number of the word, flaw, limits, and whether it is a measurement."""
    known = resolved(name, names)
    if known is None:
        return name, (1.0, 0.0), np.nan, NOT_USED, (-np.inf, np.inf), False
    name, stated = known
    variable = table[name]
    limits = (variable.low, variable.high)
    number, is_in_stated = (None if word is None else number_of(word)) or (np.nan, True)
    line = variable.line(stated if unit is None else unit) if is_in_stated else (1.0, 0.0)
    flaw = _WORD if word is not None and np.isnan(number) else NO_UNIT if line is None else ""
    return name, line or (np.nan, np.nan), number, flaw, limits, variable.measured


def resolved(name: str, names: Mapping[str, str]) -> tuple[str, str | None] | None:
    """The table's name of a variable, and the unit that its name states; None for one that is not known.

    >>> names = {"glucose": "glucose", "cgm": "glucose"}
    >>> resolved("CGM", names), resolved("Glucose (mmol/L)", names), resolved("carbs (g)", names)
    (('glucose', None), ('glucose', 'mmol/L'), None)
    """
    known = names.get(name.strip().lower())
    if known is not None:
        return known, None
    stated = named_unit(name)
    known = None if stated is None else names.get(stated[0].lower())
    return None if known is None or stated is None else (known, stated[1])


def standardised(events: pl.LazyFrame, table: Mapping[str, Variable], names: Mapping[str, str]) -> pl.LazyFrame:
    """As ``Grid.standardise``.

    Args:
        events: ``series``, ``hours``, ``variable``, ``value`` and, if known, ``unit``.
        table: of variables.
        names: every name of a variable, in lower case → its name in the table.
    """
    has_units = "unit" in events.collect_schema().names()
    unit = (
        pl.col("unit").cast(pl.String).map_batches(_unit_keys, return_dtype=pl.String, is_elementwise=True)
        if has_units
        else pl.lit(None, dtype=pl.String)
    )
    # Joins, since replacing values would keep the whole column in memory.
    known = pl.LazyFrame(
        [(alias, name, unit_key(table[name].unit), table[name].low, table[name].high) for alias, name in names.items()],
        {"alias": pl.String, "variable": pl.String, "own": pl.String, "low": pl.Float64, "high": pl.Float64},
        orient="row",
    )
    keys = {(name, unit_key(unit)): line for name, variable in table.items() for unit, line in variable.units.items()}
    lines = pl.LazyFrame(
        [(*key, *line) for key, line in keys.items()],
        {"variable": pl.String, "unit": pl.String, "factor": pl.Float64, "offset": pl.Float64},
        orient="row",
    )
    alias = pl.col("variable").cast(pl.String).str.to_lowercase().str.strip_chars().alias("alias")
    value = pl.col("value").cast(pl.Float64, strict=False)
    is_own = pl.col("unit").is_null() | (pl.col("unit") == pl.col("own"))
    return (
        events.select("series", "hours", alias, value, unit.alias("unit"))
        .join(known, on="alias", how="left", maintain_order="left", build_side="force_right")
        .join(lines, on=["variable", "unit"], how="left", maintain_order="left", build_side="force_right")
        .with_columns(
            pl.when(is_own)
            .then("value")
            .otherwise(pl.col("value") * pl.col("factor") + pl.col("offset"))
            .alias("value")
        )
        .with_columns(
            pl.when(pl.col("variable").is_null())
            .then(pl.lit(NOT_USED))
            .when(~is_own & pl.col("factor").is_null())
            .then(pl.lit(NO_UNIT))
            .when(pl.col("value").is_null() | pl.col("value").is_nan())
            .then(pl.lit(NO_NUMBER))
            .when((pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high")))
            .then(pl.lit(IMPLAUSIBLE))
            .when(pl.col("hours").is_null())
            .then(pl.lit(NO_TIME))
            .otherwise(None)
            .alias("flaw")
        )
        .select("series", "hours", "variable", pl.col("value").cast(pl.Float32), "flaw")
    )


def _unit_keys(units: pl.Series) -> pl.Series:
    """Each unit as ``unit_key`` has it, null where none is stated; there are few of them in many rows."""
    keys = {unit: None if unit.strip().lower() in UNSTATED else unit_key(unit) for unit in units.unique().drop_nulls()}
    return units.replace_strict(keys, default=None, return_dtype=pl.String)
