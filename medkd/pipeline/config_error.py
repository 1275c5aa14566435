"""A wrong configuration in one line, with the nearest valid name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable

from medkd.errors import InputError, nearest

_CLASS = re.compile(r"class_path '?(?P<path>[\w.]+)'?")
_NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")


def explained(message: str, keys: Iterable[str], where: object) -> InputError:
    """What jsonargparse says, as one line.

    Args:
        message: of its ``ArgumentError``.
        keys: valid keys, dotted, of the whole configuration.
        where: the file.

    >>> print(explained("Subcommand 'fit' does not accept option 'trainer.max_epoch'", ["trainer.max_epochs"], "fit.yaml"))
    unknown key 'trainer.max_epoch' (fit.yaml). Did you mean 'trainer.max_epochs'?
    """
    text = " ".join(message.split())
    made = _CLASS.search(text)
    if lacking := _NO_ATTRIBUTE.search(text):
        names = _names(lacking["module"])
        return InputError(
            f"{lacking['module']} has no '{lacking['name']}'", where=where, remedy=nearest(lacking["name"], names)
        )
    if found := re.search(r"Option '(?P<key>\w+)' is not accepted", text) if made else None:
        accepted = _arguments(made["path"]) if made else []
        return InputError(
            f"{made['path'] if made else ''} takes no '{found['key']}'",
            where=where,
            remedy=nearest(found["key"], accepted),
        )
    if found := re.search(r"does not accept option '(?P<key>[\w.]+)'", text) or re.search(
        r"[Kk]ey '(?P<key>[\w.]+)' is not expected", text
    ):
        group = re.search(r"Group '(?P<group>[\w.]+)' does not accept", text)
        key = f"{group['group']}.{found['key']}" if group else found["key"]
        return InputError(f"unknown key '{key}'", where=where, remedy=nearest(key, keys))
    if found := re.search(r"[Uu]nrecognized arguments: (?P<word>\S+)", text):
        option, typed = found["word"].partition("=")[0], found["word"].startswith("--")
        remedy = nearest(option[2:], keys) if typed else "See: medkd fit --help"
        return InputError(f"unknown {'option' if typed else 'argument'} '{option}'", where=where, remedy=remedy)
    if "arguments are required" in text or "is required" in text:
        return InputError(
            text.split(". ")[0], where=where, remedy="Give the fit.yaml that a stage printed, and change that"
        )
    if value := re.search(r"(Got|Given) value: (?P<value>.*)", text):
        return _wrong_value(text, value["value"], where)
    return InputError(text[:300], where=where, remedy="See: medkd fit --help")


def _wrong_value(text: str, value: str, where: object) -> InputError:
    key = ".".join(re.findall(r'Parser key "([\w.]+)"', text))
    if "Not a valid subclass" in text:
        return InputError(f"{key} names no class", where=where, remedy="Write class_path and init_args")
    choices = [
        choice for inside in re.findall(r"Literal\[(.*?)\]", text) for choice in re.findall(r"'([^']*)'", inside)
    ]
    types = dict.fromkeys(re.findall(r"Expected an? <class '([\w.]+)'>", text))
    wanted = " or ".join(_TYPES.get(name, name) for name in types)
    remedy = nearest(value, choices) if choices else f"It must be {wanted}" if wanted else "See: medkd fit --help"
    return InputError(f"{key} is '{value[:80]}'", where=where, remedy=remedy)


_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "dict": "names with values",
} | {
    "list": "a list",
    "NoneType": "null",
}


def _names(module: str) -> list[str]:
    """Classes of a module, and of a package its modules too."""
    found = importlib.import_module(module)
    classes = [name for name, held in vars(found).items() if inspect.isclass(held)]
    return [*classes, *(inner.name for inner in pkgutil.iter_modules(getattr(found, "__path__", [])))]


def _arguments(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    return [
        key for key in inspect.signature(getattr(importlib.import_module(module), name)).parameters if key != "self"
    ]
