"""ICD-10-CM: chapters, blocks, categories and codes, including those with a seventh character."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medkd.errors import InputError
from medkd.modalities.codes.ontology import Ontology, normalised
from medkd.modalities.codes.published_file import published_bytes

ROOT = "ICD-10-CM root"
Node = tuple[str, str | None, str]


def read_icd10(path: Path) -> Ontology:
    """The tree of ICD-10-CM from the tabular list in XML, gzipped or not (``icd10cm-tabular-April-1-2026.xml``).

    In the list the seventh character is a rule for all codes of a category: here each such code has a node of its own
    below the code that it extends, padded with X. Blocks without codes, which only group other blocks, are left out.

    Raises:
        InputError: the file is missing or damaged, or is not a tabular list.

    Source: CDC/NCHS and CMS, ICD-10-CM tabular list of diseases and injuries.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Any = fromstring(published_bytes(path), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(
            f"{Path(path).name} is not readable XML: {error!r}", where=path, remedy="Fetch the file again"
        ) from error
    if root.tag != "ICD10CM.tabular" or root.find("chapter") is None:
        what = f"{Path(path).name} is XML of kind '{root.tag}', not the tabular list of ICD-10-CM, or has no chapter"
        raise InputError(what, where=path, remedy="Give icd10cm-tabular-....xml")
    return Ontology.grow([(ROOT, None, "ICD-10-CM"), *_chapters(root)], where=path)


def _chapters(root: Any) -> Iterator[Node]:
    for chapter in root.iter("chapter"):
        name = f"chapter {chapter.findtext('name', '')}"
        yield name, ROOT, chapter.findtext("desc", "")
        for section in chapter.iter("section"):
            if section.find("diag") is not None:
                # A block may have the name of its only category.
                block = f"block {section.get('id')}"
                yield block, name, section.findtext("desc", "")
                yield from _diagnoses(section, block, {})


def _diagnoses(node: Any, above: str, seventh: Mapping[str, str]) -> Iterator[Node]:
    for diagnosis in node.findall("diag"):
        code, title = normalised(diagnosis.findtext("name", "")), diagnosis.findtext("desc", "")
        yield code, above, title
        extensions = {
            str(rule.get("char")): rule.text or "" for rule in diagnosis.findall("sevenChrDef/extension")
        } or seventh
        if diagnosis.find("diag") is not None:
            yield from _diagnoses(diagnosis, code, extensions)
        else:
            for character, meaning in extensions.items():
                yield f"{code:X<6}{character}", code, f"{title}, {meaning}"
