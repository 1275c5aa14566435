"""Search space: the values of an arm that are searched, and a recipe with others in their place."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medkd.distill.distiller import Distiller
from medkd.errors import InputError, nearest
from medkd.pipeline.recipe import Arm, Recipe
from medkd.pipeline.search_ranges import Plain, Range

SEARCH_ORDER = ("baseline", "teacher", "student")
"""The baseline first, and the teacher before the student that it teaches."""
SEARCHED_PARTS = ("model", "data", "trainer")
"""Parts of an arm that may be searched. View and modalities decide what is prepared, which all trials share."""
NETWORK_KEYS, LEARNER_KEYS = ("learning_rate", "weight_decay"), ("learning_rate", "lambda_l2")
"""Keys that are searched of an arm for which the recipe names no range."""
FACTOR = 10.0
"""A derived range goes from the recipe's own value over FACTOR to that value times FACTOR.

That of a temperature goes from 1 to 8.
"""


def with_searched_defaults(recipe: Recipe) -> Recipe:
    """The same recipe, with the defaults written out of the values that are searched where it names no range.

    Learning rate and weight decay of a network, learning rate and penalty of trees; of a student its objectives'
    weights and temperatures.
    """
    arms: dict[str, Any] = {}
    for name in SEARCH_ORDER:
        arm = recipe.arm(name)
        model: dict[str, Any] = copy.deepcopy(arm.model)
        if "learner" in model:
            _write_defaults(model["learner"], LEARNER_KEYS)
        else:
            model = {**_defaults(Distiller, NETWORK_KEYS), **model}
        if objectives := model.get("objectives"):
            model["weights"] = dict.fromkeys(("supervised", *objectives), 1.0) | (model.get("weights") or {})
            for spec in objectives.values():
                _write_defaults(spec, ("temperature",))
        arms[name] = arm.model_copy(update={"model": model})
    return recipe.model_copy(update=arms)


def search_space(recipe: Recipe, arm: str) -> dict[str, Range]:
    """Ranges of one arm by dotted key: the recipe's own, or where it names none for this arm the derived ones.

    Raises:
        InputError: a range is of a value that the recipe does not hold (the nearest is named), or the recipe's value
            is outside it.
    """
    values = _values(recipe)
    for key, range_ in recipe.search.items():
        if key not in values:
            raise InputError(
                f"search names '{key}', which the recipe does not hold", where="recipe", remedy=nearest(key, values)
            )
        if values[key] not in range_:
            raise InputError(
                f"{key} is {values[key]}, outside its range {range_}",
                where="recipe, search",
                remedy="Widen the range, or change the value",
            )
    named = {key: range_ for key, range_ in recipe.search.items() if key.startswith(f"{arm}.")}
    derived = {key: _derived(key, value) for key, value in values.items() if key.startswith(f"{arm}.")}
    return named or {key: range_ for key, range_ in derived.items() if range_ is not None}


def values_at(recipe: Recipe, keys: Mapping[str, Any]) -> dict[str, Plain]:
    """The recipe's values at dotted keys."""
    values = _values(recipe)
    return {key: values[key] for key in keys}


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values at dotted keys that it holds."""
    arms: dict[str, Any] = {name: recipe.arm(name).model_dump() for name in SEARCH_ORDER}
    for dotted, value in values.items():
        *path, last = dotted.split(".")
        level: Any = arms
        for name in path:
            level = level[name]
        level[last] = value
    return recipe.model_copy(update={name: Arm(**content) for name, content in arms.items()})


def _values(recipe: Recipe) -> dict[str, Plain]:
    """Every plain value of the arms that may be searched, by dotted key."""

    def walk(key: str, value: Any) -> Iterator[tuple[str, Plain]]:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                yield from walk(f"{key}.{name}", inner)
        elif isinstance(value, Plain):
            yield key, value

    return {
        key: value
        for arm in SEARCH_ORDER
        for part in SEARCHED_PARTS
        for key, value in walk(f"{arm}.{part}", getattr(recipe.arm(arm), part))
    }


def _derived(key: str, value: Plain) -> Range | None:
    """The range of a value for which the recipe names none; None where it is not searched."""
    _, part, *rest = key.split(".")
    if part != "model" or isinstance(value, bool | str):
        return None
    if rest[0] == "objectives" and rest[2:] == ["init_args", "temperature"]:
        return Range(low=min(1.0, value), high=max(8.0, value), log=True)
    of_network = len(rest) == 1 and rest[0] in NETWORK_KEYS
    of_learner = rest[:2] == ["learner", "init_args"] and rest[2] in LEARNER_KEYS
    # Not the supervised weight: the optimiser hardly reacts to the scale of a loss, only to the ratio of the weights.
    of_objective = len(rest) == 2 and rest[0] == "weights" and rest[1] != "supervised"
    if of_network or of_learner or of_objective:
        return Range(low=value / FACTOR, high=value * FACTOR, log=True) if value > 0 else Range(low=0.0, high=1.0)
    return None


def _write_defaults(spec: dict[str, Any], names: Sequence[str]) -> None:
    """Write the defaults of some arguments into a ``class_path`` with ``init_args``."""
    module, _, name = str(spec["class_path"]).rpartition(".")
    spec["init_args"] = _defaults(getattr(importlib.import_module(module), name), names) | (spec.get("init_args") or {})


def _defaults(kind: type, names: Sequence[str]) -> dict[str, float]:
    """Defaults of a class's arguments of these names, where they are numbers."""
    parameters = inspect.signature(kind).parameters
    return {
        name: float(parameters[name].default)
        for name in names
        if name in parameters and isinstance(parameters[name].default, int | float)
    }
