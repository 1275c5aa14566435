"""Trees of ICD-9-CM and ICD-10-CM codes together, named as in records: ``ICD9:4280``, ``ICD10:I5023``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from medkd.errors import InputError
from medkd.modalities.codes.chapters import ICD9, ICD10, chapter, spelled
from medkd.modalities.codes.icd9 import category, read_icd9
from medkd.modalities.codes.icd10 import read_icd10
from medkd.modalities.codes.ontology import Ontology

ROOT = "root"
PUBLISHED = {ICD9: "icd-9-hierarchy.json.gz", ICD10: "icd10cm-tabular-April-1-2026.xml.gz"}
_READERS = {ICD9: read_icd9, ICD10: read_icd10}


def spelled_tree(codes: Iterable[str]) -> Ontology:
    """A tree of these codes by their spelling, for which no file is needed: chapter, category, further characters.

    Codes of the two systems share the chapters. A text that is not spelt as a code is not in the tree.

    >>> spelled_tree(["ICD9:428.23", "ICD10:I50.9", "ICD9:none"]).path("ICD9:42823")
    ('ICD9:42823', 'ICD9:4282', 'ICD9:428', 'chapter circulatory')
    """
    above: dict[str, str | None] = {ROOT: None}
    for code in codes:
        parts, highest = spelled(code), chapter(code)
        if parts is None or highest is None:
            continue
        system, bare = parts
        first = len(category(bare)) if system == ICD9 else 3
        path = [f"chapter {highest}", *(f"{system}:{bare[:end]}" for end in range(first, len(bare) + 1))]
        above |= dict(zip(path, [ROOT, *path], strict=False))
    return Ontology.grow((name, parent, "") for name, parent in above.items())


def published_tree(folder: Path) -> Ontology:
    """The published trees of ICD-9-CM and ICD-10-CM under one root; a code that does not exist is in neither.

    Args:
        folder: with ``icd-9-hierarchy.json.gz`` and ``icd10cm-tabular-April-1-2026.xml.gz``, or one of them.

    Raises:
        InputError: the folder has neither, or one is damaged.
    """
    files = {system: folder / name for system, name in PUBLISHED.items() if (folder / name).is_file()}
    if not files:
        raise InputError(
            "no tree of ICD codes here",
            where=folder,
            remedy=f"Give the folder that holds {' or '.join(PUBLISHED.values())}",
        )
    nodes: list[tuple[str, str | None, str]] = [(ROOT, None, "")]
    for system, file in files.items():
        tree = _READERS[system](file)
        names = [f"{system}:{code}" for code in tree.codes]
        names[tree.root] = ROOT
        nodes += [
            (name, names[up], title)
            for name, up, title in zip(names, tree.parents, tree.titles, strict=True)
            if name != ROOT
        ]
    return Ontology.grow(nodes, where=folder)
