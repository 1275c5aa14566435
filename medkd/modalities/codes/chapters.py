"""Chapters that ICD-9-CM and ICD-10-CM share, from a code's spelling alone."""

from __future__ import annotations

import re
from functools import lru_cache

from medkd.modalities.codes.ontology import normalised

ICD9, ICD10 = "ICD9", "ICD10"
_SPELLED = {
    ICD9: re.compile(r"^(E\d{3}\d?|V\d{2}\d{0,2}|\d{3}\d{0,2})$"),
    ICD10: re.compile(r"^[A-Z][0-9A][0-9A-Z][0-9A-Z]{0,4}$"),
}
"""Category, then its subdivision: two digits at most, or four characters."""
CHAPTERS = {
    "infectious": ("001", "A00 B00"),
    "neoplasm": ("140", "C00 D00"),
    "endocrine": ("240", "E00"),
    "blood": ("280", "D50"),
    "mental": ("290", "F00"),
    "nervous": ("320", "G00 H00"),
    "circulatory": ("390", "I00"),
    "respiratory": ("460", "J00"),
    "digestive": ("520", "K00"),
    "genitourinary": ("580", "N00"),
    "pregnancy": ("630", "O00"),
    "skin": ("680", "L00"),
    "musculoskeletal": ("710", "M00"),
    "congenital": ("740", "Q00"),
    "perinatal": ("760", "P00"),
    "symptoms": ("780", "R00"),
    "injury": ("800", "S00 T00"),
    "external": ("E00", "V00 W00 X00 Y00"),
    "factors": ("V01", "Z00"),
    "special": ("", "U00"),
}
"""Chapter → its first category in ICD-9-CM, and its first ones in ICD-10-CM; it ends where the next one begins.

Eye and ear, chapters of their own in ICD-10-CM alone, count as nervous here.
"""
_STARTS = {
    system: sorted((first, chapter) for chapter, firsts in CHAPTERS.items() for first in firsts[column].split())
    for column, system in enumerate((ICD9, ICD10))
}


def spelled(code: str) -> tuple[str, str] | None:
    """System and normalised code of a record's ``ICD9:428.0``; None where it is not spelt as a code of that system.

    >>> spelled("ICD9:428.0"), spelled("ICD10:I50.23"), spelled("ICD9:42800"), spelled("ICD9:42X"), spelled("4280")
    (('ICD9', '4280'), ('ICD10', 'I5023'), ('ICD9', '42800'), None, None)
    """
    prefix, _, published = code.partition(":")
    system, bare = prefix.strip().upper(), normalised(published)
    shape = _SPELLED.get(system)
    return (system, bare) if shape is not None and shape.match(bare) else None


@lru_cache(maxsize=1 << 17)
def chapter(code: str) -> str | None:
    """The chapter of a code with its system; None where it is not spelt as a code.

    >>> [chapter(code) for code in ("ICD9:428.0", "ICD10:I50.23", "ICD9:E812.0", "ICD10:D64.9", "ICD9:000")]
    ['circulatory', 'circulatory', 'external', 'blood', None]
    """
    parts = spelled(code)
    if parts is None:
        return None
    system, bare = parts
    if system == ICD9 and bare[0] in "EV":
        return "external" if bare[0] == "E" else "factors"
    before = [name for first, name in _STARTS[system] if first <= bare[:3]]
    return before[-1] if before else None
