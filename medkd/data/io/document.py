"""Documents: names with values (a recipe, a bundle's files, a report), declared once as a pydantic model."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from medkd.errors import InputError, nearest

D = TypeVar("D", bound=BaseModel)
LARGEST = 20_000_000
"""Characters and values that a document may hold, its aliases written out."""
SHOWN = 80
"""Characters of a wrong value that a message quotes."""


class Document(BaseModel):
    """A document whose fields are its schema: unknown keys are refused, and ``"3"`` or ``true`` is not a number."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def parse_document(model: type[D], content: Any, where: object, remedy: str = "") -> D:
    """The document that plain values describe.

    Args:
        model: class of the document.
        content: of YAML or JSON.
        where: the file, for messages.
        remedy: for a wrong value; by default what pydantic expects there.

    Raises:
        InputError: a key is unknown (the nearest valid one is named) or missing, or a value is wrong. One line for
            the first problem.

    >>> class Arm(Document):
    ...     view: str
    >>> parse_document(Arm, {"veiw": "ecg[I]"}, "recipe.yaml")
    Traceback (most recent call last):
    medkd.errors.InputError: unknown key 'veiw' (recipe.yaml). Did you mean 'view'?
    """
    _check_size(content, where)
    try:
        # As JSON: strict there takes lists for tuples and whole numbers for floats, as YAML and JSON write them.
        return model.model_validate_json(json.dumps(content))
    except TypeError as error:
        remedy = "Write text, numbers, lists and names with values"
        raise InputError(f"holds more than plain values: {error}", where=where, remedy=remedy) from error
    except ValidationError as error:
        raise translated(model, error, where, remedy) from error


def _check_size(content: Any, where: object) -> None:
    """Refuse what grows without bound when it is written out: YAML's aliases may repeat, or hold, themselves."""
    size, waiting = 0, [content]
    while waiting:
        value = waiting.pop()
        size += 1 + (len(value) if isinstance(value, str) else 0)
        if size > LARGEST:
            remedy = "Write it again without aliases (&name, *name)"
            raise InputError(f"holds more than {LARGEST:,} characters and values", where=where, remedy=remedy)
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


def translated(model: type[BaseModel], error: ValidationError, where: object, remedy: str = "") -> InputError:
    """The one line that a user reads of a validation error: its first problem, unknown keys before missing ones."""
    order = {"extra_forbidden": 0, "missing": 2}
    first = sorted(error.errors(include_url=False), key=lambda problem: order.get(problem["type"], 1))[0]
    path = _path(first["loc"])
    if first["type"] == "extra_forbidden":
        remedy = nearest(str(first["loc"][-1]), _keys(model, first["loc"][:-1]))
        return InputError(f"unknown key '{path}'", where=where, remedy=remedy)
    if first["type"] == "missing":
        return InputError(f"no '{path}'", where=where, remedy=remedy or "Add it")
    if not path:
        return InputError("holds no keys", where=where, remedy="It should be names with values")
    return InputError(f"{path} is {_quoted(first)}", where=where, remedy=remedy or _sentence(first))


def _path(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location))


def _quoted(problem: ErrorDetails) -> str:
    text = repr(problem["input"])
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _sentence(problem: ErrorDetails) -> str:
    """The message of pydantic, or of our own ValueError."""
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should be", "It must be")


def _keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Valid keys of the mapping at ``location``, following fields, their optional forms, sequences and mappings."""
    current: Any = model
    for name in location:
        fields = getattr(current, "model_fields", {})
        annotation = fields[name].annotation if name in fields else current
        current = next((kind for kind in _models_in(annotation)), annotation)
    return [field.alias or name for name, field in getattr(current, "model_fields", {}).items()]


def _models_in(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)


def schema_of(model: type[BaseModel], title: str) -> Mapping[str, Any]:
    """The JSON schema (draft 2020-12) of a document, as it is shipped beside the code that writes it."""
    schema = model.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
