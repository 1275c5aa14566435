"""Nested values: names with values inside names with values, merged, and set by dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from medkd.errors import InputError


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the leaves of ``change`` set.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def override(values: dict[str, Any], dotted: str) -> None:
    """Set one ``KEY.KEY=VALUE`` in place, with VALUE in YAML; missing levels are made, and null counts as missing.

    Raises:
        InputError: a level of the key is a plain value, or VALUE is not YAML.

    >>> recipe = {"student": None}
    >>> override(recipe, "student.data.steps=3")
    >>> recipe
    {'student': {'data': {'steps': 3}}}
    """
    key, _, text = dotted.partition("=")
    *path, last = key.split(".")
    level = values
    for name in path:
        if level.get(name) is None:
            level[name] = {}
        if not isinstance(level[name], dict):
            raise InputError(
                f"'{key}' reaches into a plain value", where=f"--{key}", remedy="Name a key that the recipe has"
            )
        level = level[name]
    try:
        level[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(
            f"'{text}' is not YAML", where=f"--{key}", remedy="Write a number, text, [a, list] or {name: value}"
        ) from error
