"""Which values of an arm are searched, and a recipe with others in their place."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from medkd.distill.distiller import Distiller
from medkd.errors import InputError, nearest
from medkd.pipeline.recipe import Arm, Recipe
from medkd.pipeline.tuning.ranges import Plain, Range, parse_ranges

ARMS = ("baseline", "teacher", "student")
"""In the order of their search: the baseline first, and before a student the teacher that it hears."""
PLACES = ("model", "data", "trainer")
"""Parts of an arm that may be searched. View and modalities decide what is prepared, which all trials share."""
NETWORK, LEARNER = ("learning_rate", "weight_decay"), ("learning_rate", "lambda_l2")
"""What is searched of an arm where its recipe names no range."""
FACTOR = 10.0
"""A derived range goes from so many times less to so many times more than the recipe's own value.

Of a temperature, from 1 to 8.
"""


def spelled_out(recipe: Recipe) -> Recipe:
    """The same recipe, with the defaults written out of what is searched where a recipe names no range.

    Learning rate and weight decay of a network, learning rate and penalty of trees; of a student its objectives'
    weights and temperatures.
    """
    arms: dict[str, Any] = {}
    for name in ARMS:
        arm: Arm = getattr(recipe, name)
        model = copy.deepcopy(arm.model)
        if "learner" in model:
            _spell(model["learner"], LEARNER)
        else:
            model = _defaults(Distiller, NETWORK) | model
        if objectives := model.get("objectives"):
            model["weights"] = dict.fromkeys(("supervised", *objectives), 1.0) | (model.get("weights") or {})
            for spec in objectives.values():
                _spell(spec, ("temperature",))
        arms[name] = replace(arm, model=model)
    return replace(recipe, **arms)


def space_of(recipe: Recipe, arm: str) -> dict[str, Range]:
    """Ranges of one arm by dotted key: the recipe's own, or where it names none for this arm the derived ones.

    Raises:
        InputError: a range is of a value that the recipe does not hold (the nearest is named), or the recipe's value
            lies outside.
    """
    held = {key: value for name in ARMS for key, value in _leaves(name, getattr(recipe, name))}
    named = parse_ranges(recipe.search, "recipe")
    for key, found in named.items():
        if key not in held:
            raise InputError(
                f"search names '{key}', which the recipe does not hold", where="recipe", remedy=nearest(key, held)
            )
        if held[key] not in found:
            raise InputError(
                f"{key} is {held[key]}, outside its range {found}",
                where="recipe, search",
                remedy="Widen the range, or change the value",
            )
    own = {key: found for key, found in named.items() if key.startswith(f"{arm}.")}
    derived = {key: _derived(key, value) for key, value in held.items() if key.startswith(f"{arm}.")}
    return own or {key: found for key, found in derived.items() if found is not None}


def values_of(recipe: Recipe, keys: Mapping[str, Any]) -> dict[str, Plain]:
    """What the recipe holds at dotted keys."""
    held = {key: value for name in ARMS for key, value in _leaves(name, getattr(recipe, name))}
    return {key: held[key] for key in keys}


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values at dotted keys that it holds."""
    arms: dict[str, Any] = {name: asdict(getattr(recipe, name)) for name in ARMS}
    for dotted, value in values.items():
        *path, last = dotted.split(".")
        place: Any = arms
        for name in path:
            place = place[name]
        place[last] = value
    changed: dict[str, Any] = {name: Arm(**held) for name, held in arms.items()}
    return replace(recipe, **changed)


def _leaves(prefix: str, arm: Arm) -> Iterator[tuple[str, Plain]]:
    """Every plain value of an arm that may be searched."""

    def walk(key: str, value: Any) -> Iterator[tuple[str, Plain]]:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                yield from walk(f"{key}.{name}", inner)
        elif isinstance(value, Plain):
            yield key, value

    for place in PLACES:
        yield from walk(f"{prefix}.{place}", getattr(arm, place))


def _derived(key: str, value: Plain) -> Range | None:
    _, part, *rest = key.split(".")
    if part != "model" or isinstance(value, bool | str):
        return None
    if rest[0] == "objectives" and rest[2:] == ["init_args", "temperature"]:
        return Range(min(1.0, value), max(8.0, value), log=True)
    own = (len(rest) == 1 and rest[0] in NETWORK) or (rest[:2] == ["learner", "init_args"] and rest[2] in LEARNER)
    # The supervised weight is left: the optimiser hardly feels the scale of a loss, so the ratio of the weights is what
    # matters.
    if own or (rest[0] == "weights" and rest[1:] != ["supervised"] and len(rest) == 2):
        return Range(value / FACTOR, value * FACTOR, log=True) if value > 0 else Range(0.0, 1.0)
    return None


def _spell(spec: dict[str, Any], names: Sequence[str]) -> None:
    """Write the defaults of some arguments into a ``class_path`` with ``init_args``."""
    module, _, name = str(spec["class_path"]).rpartition(".")
    spec["init_args"] = _defaults(getattr(importlib.import_module(module), name), names) | (spec.get("init_args") or {})


def _defaults(kind: type, names: Sequence[str]) -> dict[str, float]:
    """Of a class's arguments of these names, those that are numbers where nobody sets them."""
    known = inspect.signature(kind).parameters
    return {
        name: float(known[name].default)
        for name in names
        if name in known and isinstance(known[name].default, int | float)
    }
