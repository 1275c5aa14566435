"""Instantiation of ``{class_path, init_args}``, importing only packages that are trusted."""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from medkd.errors import InputError, nearest

T = TypeVar("T")
_DOTTED = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")


def instantiate(spec: Mapping[str, Any], base: type[T], trust: Sequence[str] = ("medkd",)) -> T:
    """The object that ``spec`` describes.

    Every name is checked before anything is imported, every class before anything is called.

    Args:
        spec: ``class_path`` and, if need be, ``init_args`` of plain values; an argument whose type is a class takes a
            spec in its turn.
        base: what the class must be a subclass of.
        trust: packages that it may come from ("medkd" allows ``medkd.x``, not ``medkd_evil.x``).

    Raises:
        InputError: a package is not trusted, a name does not exist, the class is another, or its arguments do not fit.

    >>> from medkd.data.core.view import Part
    >>> arguments = {"modality": "ecg", "selector": ["I"]}
    >>> instantiate({"class_path": "medkd.data.core.view.Part", "init_args": arguments}, Part)
    Part(modality='ecg', selector=('I',), window=None)
    """
    check_trusted(spec, trust)
    return _build(spec, base, trust)


def check_trusted(value: Any, trust: Sequence[str], where: str = "class_path") -> None:
    """Refuse every ``class_path`` in ``value``, however deep, that lies outside ``trust``. Imports nothing.

    Raises:
        InputError: one does, or is not a dotted name.
    """
    if isinstance(value, Mapping):
        if "class_path" in value:
            path = value["class_path"]
            if not isinstance(path, str) or not _DOTTED.match(path):
                raise InputError(
                    f"{path!r} is not the dotted name of a class", where=where, remedy="Write package.module.Class"
                )
            if not _inside(path, trust):
                raise InputError(
                    f"class '{path}' is outside the allowed packages ({', '.join(trust)})",
                    where=where,
                    remedy=f"If you trust that package, say so with --trust {path.split('.')[0]}",
                )
        for key, inner in value.items():
            check_trusted(inner, trust, where=f"{where}.{key}" if where != "class_path" else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            check_trusted(inner, trust, where=where)


def _inside(path: str, trust: Sequence[str]) -> bool:
    return any(path.startswith(f"{package}.") for package in trust)


def _build(spec: Mapping[str, Any], base: type[T], trust: Sequence[str]) -> T:
    if not isinstance(spec, Mapping) or "class_path" not in spec:
        raise InputError(f"{spec!r} names no class", where=base.__name__, remedy="Write class_path and init_args")
    path = spec["class_path"]
    for key in spec:
        if key not in ("class_path", "init_args"):
            raise InputError(
                f"unknown key '{key}' beside class_path",
                where=path,
                remedy=nearest(str(key), ["class_path", "init_args"]),
            )
    cls = _find_class(path, base, trust)
    arguments = spec.get("init_args") or {}
    if not isinstance(arguments, Mapping):
        raise InputError(f"init_args is {arguments!r}, not names with values", where=path)
    signature = _signature(cls)
    accepted = {name: p for name, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for name in arguments:
        if name not in accepted and not takes_any:
            raise InputError(
                f"{cls.__name__} has no argument '{name}'", where=path, remedy=nearest(str(name), accepted)
            )
    hints = {name: p.annotation for name, p in accepted.items() if p.annotation is not p.empty}
    values = {name: _value(value, hints.get(name, Any), trust, f"{path}.{name}") for name, value in arguments.items()}
    missing = [name for name, p in accepted.items() if p.default is p.empty and name not in values]
    if missing:
        raise InputError(f"{cls.__name__} needs {', '.join(missing)}", where=path, remedy="Add it under init_args")
    try:
        return cls(**values)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{cls.__name__} does not take these arguments: {error}", where=path) from error


def _find_class(path: str, base: type[T], trust: Sequence[str]) -> type[T]:
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(
            f"cannot import '{module_name}': {error}", where=path, remedy="Check the class_path, or install it"
        ) from error
    found = getattr(module, name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, base)]
        raise InputError(f"{module_name} has no '{name}'", where=path, remedy=nearest(name, classes) if classes else "")
    if not isinstance(found, type) or not issubclass(found, base):
        raise InputError(
            f"'{path}' is not a {base.__name__}",
            where=path,
            remedy=f"Name a subclass of {base.__module__}.{base.__name__}",
        )
    if not _inside(f"{found.__module__}.{found.__name__}", trust):
        raise InputError(
            f"'{path}' comes from {found.__module__}, outside the allowed packages ({', '.join(trust)})", where=path
        )
    if inspect.isabstract(found):
        raise InputError(f"'{path}' is abstract", where=path, remedy="Name one of its subclasses")
    return found


def _signature(found: type) -> inspect.Signature:
    """Its arguments with their types; as text where a type is imported for type checkers only."""
    try:
        return inspect.signature(found, eval_str=True)
    except NameError:
        return inspect.signature(found)


def _value(value: Any, hint: Any, trust: Sequence[str], where: str) -> Any:
    """``value`` as an argument of type ``hint``.

    Plain values as they are, lists to tuples where asked for, specs to objects.
    """
    if isinstance(value, Mapping) and "class_path" in value:
        base = _class_in(hint)
        if base is None:
            raise InputError(f"an object stands where {where.rpartition('.')[2]} is a plain value", where=where)
        return _build(value, base, trust)
    if isinstance(value, Mapping):
        return {key: _value(inner, _element(hint, 1), trust, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        made = [_value(inner, _element(hint, 0), trust, where) for inner in value]
        return tuple(made) if any(typing.get_origin(option) is tuple for option in _options(hint)) else made
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputError(
        f"{value!r} is not a plain value",
        where=where,
        remedy="Write text, a number, true, false, a list or names with values",
    )


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _class_in(hint: Any) -> type | None:
    """The class of our own kind (not a built-in) that an argument takes, if it takes one."""
    for option in _options(hint):
        if isinstance(option, type) and option.__module__ != "builtins" and typing.get_origin(option) is None:
            return option
    return None


def _element(hint: Any, index: int) -> Any:
    """The type inside ``list[X]``, ``tuple[X, ...]`` (index 0) or ``dict[str, X]`` (index 1)."""
    for option in _options(hint):
        arguments = typing.get_args(option)
        if typing.get_origin(option) is not None and len(arguments) > index:
            return arguments[index]
    return Any
