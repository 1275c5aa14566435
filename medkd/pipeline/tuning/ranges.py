"""What a recipe lets ``medkd tune`` look for: a range for a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medkd.errors import InputError, nearest

Plain = bool | int | float | str
"""A value that can be searched."""
WORDS = ("low", "high", "log", "choices")


@dataclass(frozen=True)
class Range:
    """Where a value is looked for: between two numbers, or among a few values.

    Args:
        low, high: both ends, inside the range; two whole numbers mean whole numbers, where the recipe's own value is
            one.
        log: whether ratios count, not differences.
        choices: instead of ``low`` and ``high``.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Plain, ...] = ()

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

    def to_dict(self) -> dict[str, Any]:
        """As plain values for YAML.

        >>> Range(1.0, 8.0).to_dict()
        {'low': 1.0, 'high': 8.0, 'log': False}
        """
        return (
            {"choices": list(self.choices)} if self.choices else {"low": self.low, "high": self.high, "log": self.log}
        )


def parse_ranges(held: Any, where: object) -> dict[str, Range]:
    """The ranges of a recipe's ``search``, by the dotted key of the value; keys may be nested instead of dotted.

    Raises:
        InputError: something is not a range; the key is named.

    >>> print(parse_ranges({"baseline.model": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}}}, "")["baseline.model.learning_rate"])
    0.001 to 0.1 (log)
    """
    if not isinstance(held, Mapping):
        raise InputError(f"search is '{held}'", where=where, remedy="It holds dotted keys with ranges")
    found: dict[str, Range] = {}
    for key, value in held.items():
        name = f"search.{key}"
        if not isinstance(value, Mapping) or not value:
            raise InputError(
                f"{name} is '{value}'",
                where=where,
                remedy="Write {low: 1, high: 8}, with log: true if ratios count, or {choices: [1, 2]}",
            )
        if any(word in value for word in WORDS):
            found[str(key)] = _range(value, name, where)
        else:
            found |= {f"{key}.{inner}": made for inner, made in _nested(value, name, where)}
    return found


def _nested(value: Mapping[Any, Any], name: str, where: object) -> list[tuple[str, Range]]:
    try:
        return list(parse_ranges(value, where).items())
    except InputError as error:
        raise InputError(error.what.replace("search", name, 1), where=error.where, remedy=error.remedy) from error


def _range(value: Mapping[Any, Any], name: str, where: object) -> Range:
    for word in value:
        if word not in WORDS:
            raise InputError(f"unknown key '{name}.{word}'", where=where, remedy=nearest(str(word), WORDS))
    if "choices" in value:
        choices = value["choices"]
        if (
            len(value) > 1
            or not isinstance(choices, list)
            or len(choices) < 2
            or not all(isinstance(item, Plain) for item in choices)
        ):
            raise InputError(
                f"{name} is {dict(value)}",
                where=where,
                remedy="Give choices alone, two or more numbers, words, or true and false",
            )
        return Range(choices=tuple(choices))
    low, high = (_number(value.get(word), f"{name}.{word}", where) for word in ("low", "high"))
    log = value.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{name}.log is {log!r}", where=where, remedy="It must be true or false")
    if not low < high < float("inf"):
        raise InputError(f"{name} goes from {low:g} to {high:g}", where=where, remedy="Let low be below high")
    if log and low <= 0:
        raise InputError(
            f"{name} begins at {low:g} with log: true", where=where, remedy="Begin above 0, or leave log out"
        )
    return Range(low, high, log)


def _number(value: Any, name: str, where: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(
            f"{name} is {value!r}",
            where=where,
            remedy="It must be a number; YAML reads 1e-3 as text, 1.0e-3 as a number",
        )
    return value
