"""What a published item is: the number or name by which a table calls it, and the variable that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from medkd.errors import InputError

Items = Mapping[int | str, str]
"""Item → variable, and in brackets the item's unit where it is not the variable's own: ``temperature [degF]``."""


@cache
def items_in(path: Path) -> Mapping[str, Mapping[str, Items]]:
    """The items of a YAML file: modality → table → items.

    Raises:
        InputError: the file is missing, or does not have that form.
    """
    try:
        held: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {modality: {table: dict(items) for table, items in tables.items()} for modality, tables in held.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            "is no table of items",
            where=path,
            remedy="Write modality, below it table, below it 'item: variable [unit]'",
        ) from error


def as_variables(table: pl.LazyFrame, item: str, items: Items) -> pl.LazyFrame:
    """Only the rows of these items, with ``variable`` and ``unit`` (null: the variable's own) in place of the item.

    Args:
        table: a published table.
        item: its column that says which item a row is of.
        items: those that are wanted.

    >>> charted = pl.LazyFrame({"itemid": [678, 211, 9], "valuenum": [98.6, 80.0, 1.0]})
    >>> as_variables(charted, "itemid", {211: "heart_rate", 678: "temperature [degF]"}).collect().rows()
    [(98.6, 'temperature', 'degF'), (80.0, 'heart_rate', None)]
    """
    split = {key: said.rstrip("]").partition(" [") for key, said in items.items()}
    known = pl.LazyFrame(
        {
            item: list(split),
            "variable": [parts[0] for parts in split.values()],
            "unit": [parts[2] or None for parts in split.values()],
        },
        {
            item: pl.Int64 if all(isinstance(key, int) for key in split) else pl.String,
            "variable": pl.String,
            "unit": pl.String,
        },
    )
    # The filter is read with the table; the join, unlike replacing values, lets the rows pass by.
    wanted = table.filter(pl.col(item).is_in(list(items)))
    return wanted.join(known, on=item, maintain_order="left", build_side="force_right").drop(item)
