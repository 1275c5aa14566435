"""Search ranges: what a recipe lets ``medkd tune`` change, a range per value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, model_serializer, model_validator

from medkd.data.io.document import Document, parse_document
from medkd.errors import InputError

Plain = bool | int | float | str
"""A value that can be searched."""
KEYS = ("low", "high", "log", "choices")


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("It must be a number; YAML reads 1e-3 as text, 1.0e-3 as a number")
    return value


def _plain_choices(value: object) -> tuple[Plain, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else ()
    if len(values) < 2 or not all(isinstance(item, Plain) for item in values):
        raise ValueError("Give two or more numbers, words, or true and false")
    return values


class Range(Document):
    """The values that are tried for one key: between two numbers, or among a few choices."""

    low: Annotated[int | float, PlainValidator(_number)] = 0.0
    """Lower end, inside the range. Two whole numbers mean whole numbers, where the recipe's own value is one."""
    high: Annotated[int | float, PlainValidator(_number)] = 0.0
    """Upper end, inside the range."""
    log: bool = False
    """Whether ratios count, not differences."""
    choices: Annotated[tuple[Plain, ...], PlainValidator(_plain_choices)] = ()
    """Instead of ``low`` and ``high``."""

    @model_validator(mode="after")
    def _consistent(self) -> Range:
        if self.choices:
            if len(self.model_fields_set) > 1:
                raise ValueError("Give choices alone")
        elif missing := {"low", "high"} - self.model_fields_set:
            raise ValueError(f"Give {' and '.join(sorted(missing, reverse=True))} too")
        elif not self.low < self.high < float("inf"):
            raise ValueError("Let low be below high")
        elif self.log and self.low <= 0:
            raise ValueError("With log: true, begin above 0; or leave log out")
        return self

    @model_serializer
    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML.

        >>> Range(low=1.0, high=8.0).to_dict()
        {'low': 1.0, 'high': 8.0, 'log': False}
        """
        return (
            {"choices": list(self.choices)} if self.choices else {"low": self.low, "high": self.high, "log": self.log}
        )

    def __contains__(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"

    def ends(self) -> tuple[Plain, ...]:
        """Values which, tried beforehand, show most of what could not be built."""
        return self.choices or (self.low, self.high)


class _Search(Document):
    search: dict[str, Range]


def parse_ranges(search: Any, where: object) -> dict[str, Range]:
    """The ranges of a recipe's ``search``, by the dotted key of the value; keys may be nested instead of dotted.

    Raises:
        InputError: something is not a range; the key is named.

    >>> search = {"baseline.model": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}}}
    >>> print(parse_ranges(search, "recipe.yaml")["baseline.model.learning_rate"])
    0.001 to 0.1 (log)
    """
    if not isinstance(search, Mapping):
        raise InputError(f"search is '{search}'", where=where, remedy="It holds dotted keys with ranges")
    return parse_document(_Search, {"search": dict(_leaves("", search, where))}, where).search


def _leaves(prefix: str, values: Mapping[Any, Any], where: object) -> Iterator[tuple[str, Any]]:
    """What should be ranges, by dotted key."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if not isinstance(value, Mapping) or not value:
            raise InputError(
                f"search.{key} is '{value}'",
                where=where,
                remedy="Write {low: 1, high: 8}, with log: true if ratios count, or {choices: [1, 2]}",
            )
        if any(word in value for word in KEYS):
            yield key, value
        else:
            yield from _leaves(f"{key}.", value, where)
