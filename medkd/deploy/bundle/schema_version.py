"""Schema versions: a file of version N is read by the medkd that writes N+1, a newer one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import yaml

from medkd.data.io.document import Document, parse_document
from medkd.errors import InputError

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


class Versioned(Document):
    """A document that states the version of its layout; a subclass narrows the field to its own, as its default.

    >>> class Leads(Versioned):
    ...     schema_version: int = 2
    ...     leads: list[str]
    >>> Leads(leads=["I"]).schema_version
    2
    """

    schema_version: int


V = TypeVar("V", bound=Versioned)


def read_versioned(
    model: type[V], content: bytes, where: str, upgrades: Mapping[int, Upgrade] | None = None, remedy: str = ""
) -> V:
    r"""A YAML (or, where ``where`` ends in ``.json``, JSON) document, upgraded if it is older than its model.

    Args:
        model: what it is; the default of ``schema_version`` is the version that this code writes.
        content: the file's bytes, UTF-8.
        where: its name, for messages.
        upgrades: from a version N to the function that turns a document of N into one of N+1.
        remedy: for a value that does not fit; by default what the model expects there.

    Raises:
        InputError: it cannot be parsed, is newer or too old, lacks a key, holds an unknown one or a wrong value.

    >>> class Leads(Versioned):
    ...     schema_version: int = 2
    ...     leads: list[str]
    >>> read_versioned(Leads, b"schema_version: 1\nlead: I", "x.yaml", {1: lambda old: {"leads": [old["lead"]]}}).leads
    ['I']
    """
    document = _parse(content, where)
    current: int = model.model_fields["schema_version"].default
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError("no schema_version", where=where, remedy="This is not a file that medkd wrote")
    if version > current:
        raise InputError(
            f"schema_version {version} is newer than {current}, the newest this medkd reads",
            where=where,
            remedy="Update medkd",
        )
    while version < current:
        upgrade = (upgrades or {}).get(version)
        if upgrade is None:
            raise InputError(
                f"schema_version {version} is too old",
                where=where,
                remedy="Open it with the medkd that wrote it, and write it again",
            )
        version += 1
        document = {**upgrade(document), "schema_version": version}
    return parse_document(model, document, where, remedy)


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        document = json.loads(text) if where.endswith(".json") else yaml.safe_load(text)
    except (UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = getattr(error, "lineno", None) or (mark.line + 1 if mark else None)
        form = "JSON" if where.endswith(".json") else "YAML"
        raise InputError(
            f"cannot be parsed: it is not {form}{f' in line {line}' if line else ''}",
            where=where,
            remedy="Write it again, or copy it again from its source",
        ) from error
    if not isinstance(document, dict):
        raise InputError("holds no keys", where=where, remedy="It should be names with values")
    return document
