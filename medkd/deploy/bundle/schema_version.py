"""Files say which version of their layout they follow: version N is read by N+1, a newer one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from medkd.errors import InputError, nearest

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


def read_versioned(
    content: bytes,
    where: str,
    *,
    current: int,
    keys: Iterable[str],
    optional: Iterable[str] = (),
    upgrades: Mapping[int, Upgrade] | None = None,
) -> dict[str, Any]:
    r"""A YAML (or JSON) document of version ``current``, upgraded if it is older.

    Args:
        content: the file's bytes, UTF-8.
        where: its name, for messages.
        current: the version that this code writes.
        keys: what it must hold besides ``schema_version``; ``optional``: what it may hold besides.
        upgrades: from a version N to what makes N+1 of it.

    Raises:
        InputError: it cannot be parsed, is newer or too old, lacks a key or holds an unknown one.

    >>> read_versioned(b"schema_version: 1\nlead: I", "x.yaml", current=2, keys=["leads"], upgrades={1: lambda d: {"leads": [d["lead"]]}})
    {'leads': ['I'], 'schema_version': 2}
    """
    document = _parse(content, where)
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
    allowed = {"schema_version", *keys, *optional}
    for key in document:
        if key not in allowed:
            raise InputError(f"unknown key '{key}'", where=where, remedy=nearest(str(key), allowed))
    for key in keys:
        if key not in document:
            raise InputError(f"no key '{key}'", where=where, remedy=f"It has: {', '.join(map(str, document))}")
    return document


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        document = json.loads(text) if where.endswith(".json") else yaml.safe_load(text)
    except (UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"cannot be parsed: {reason}", where=where, remedy="Write it again, or copy it again from its source"
        ) from error
    if not isinstance(document, dict):
        raise InputError("holds no keys", where=where, remedy="It should be names with values")
    return document
