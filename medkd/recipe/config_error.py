"""A wrong configuration in one line, with the nearest valid name."""

from __future__ import annotations

import importlib
import inspect
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
        classes = [name for name, held in vars(importlib.import_module(lacking["module"])).items() if inspect.isclass(held)]
        return InputError(f"{lacking['module']} has no class '{lacking['name']}'", where=where, remedy=nearest(lacking["name"], classes))
    if found := re.search(r"Option '(?P<key>\w+)' is not accepted", text) if made else None:
        accepted = _arguments(made["path"]) if made else []
        return InputError(f"{made['path'] if made else ''} takes no '{found['key']}'", where=where, remedy=nearest(found["key"], accepted))
    if found := re.search(r"does not accept option '(?P<key>[\w.]+)'", text) or re.search(
        r"[Kk]ey '(?P<key>[\w.]+)' is not expected", text
    ):
        return InputError(f"unknown key '{found['key']}'", where=where, remedy=nearest(found["key"], keys))
    if "arguments are required" in text or "is required" in text:
        return InputError(text.split(". ")[0], where=where, remedy="Give the fit.yaml that a stage printed, and change that")
    return InputError(text[:300], where=where, remedy="See: medkd fit --help")


def _arguments(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    return [key for key in inspect.signature(getattr(importlib.import_module(module), name)).parameters if key != "self"]
