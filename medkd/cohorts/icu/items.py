"""Items of published tables: the numbers or names under which values are charted, and our variables for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from medkd.data.events.variables import UNSTATED
from medkd.errors import InputError

Items = Mapping[int | str, str]
"""Item → variable, and in brackets the item's unit where it is not the variable's own: ``temperature [degF]``.

That is the unit of rows for which the table states none. With ``!`` it is the unit of all rows: ``fio2 [1!]``, where
what the table states is known to be wrong.
"""
STATED = "stated"
"""Column of the units that a table states, which ``as_variables`` replaces with ``unit``."""


@cache
def items_in(path: Path) -> Mapping[str, Mapping[str, Items]]:
    """The items of a YAML file: modality → table → items.

    Raises:
        InputError: the file is missing or has another form.
    """
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            modality: {table: dict(items) for table, items in tables.items()} for modality, tables in document.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            "is not a table of items",
            where=path,
            remedy="Write modality, below it table, below it 'item: variable [unit]'",
        ) from error


def as_variables(table: pl.LazyFrame, item: str, items: Items) -> pl.LazyFrame:
    """The rows of these items, with ``variable`` and ``unit`` (null: the variable's own) in place of the item.

    Args:
        table: a published table, with the unit of each row as ``stated`` where it has such a column.
        item: name of its column of items.
        items: item → ``variable [unit]``; rows of other items are left out.

    >>> charted = pl.LazyFrame({"itemid": [678, 211, 9], "valuenum": [98.6, 80.0, 1.0]})
    >>> as_variables(charted, "itemid", {211: "heart_rate", 678: "temperature [degF]"}).collect().rows()
    [(98.6, 'temperature', 'degF'), (80.0, 'heart_rate', None)]
    >>> stated = charted.head(2).with_columns(itemid=pl.Series([678, 190]), stated=pl.Series(["°C", "torr"]))
    >>> as_variables(stated, "itemid", {678: "temperature [degF]", 190: "fio2 [1!]"}).collect().rows()
    [(98.6, 'temperature', '°C'), (80.0, 'fio2', '1')]
    """
    split = {key: variable.rstrip("]").partition(" [") for key, variable in items.items()}
    known = pl.LazyFrame(
        {
            item: list(split),
            "variable": [name for name, _, _ in split.values()],
            "unit": [unit.rstrip("!") or None for _, _, unit in split.values()],
            "fixed": [unit.endswith("!") for _, _, unit in split.values()],
        },
        {
            item: pl.Int64 if all(isinstance(key, int) for key in split) else pl.String,
            "variable": pl.String,
            "unit": pl.String,
            "fixed": pl.Boolean,
        },
    )
    # The filter reaches the reader of the table; the join, unlike replacing values, streams.
    wanted = table.filter(pl.col(item).is_in(list(items)))
    rows = wanted.join(known, on=item, maintain_order="left", build_side="force_right").drop(item)
    if STATED not in rows.collect_schema().names():
        return rows.drop("fixed")
    stated = pl.col(STATED)
    is_stated = ~pl.col("fixed") & stated.is_not_null() & ~stated.str.strip_chars().str.to_lowercase().is_in(UNSTATED)
    return rows.with_columns(pl.when(is_stated).then(stated).otherwise("unit").alias("unit")).drop("fixed", STATED)
