"""Source of a structured report: a DICOM object in which all that the report copies is valid, or left empty."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medkd.errors import RecordError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.tag import BaseTag

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
"""Attributes by which a report refers to its source: none of them can be left empty."""
_TYPE_2 = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
)
"""Type 2 attributes: required in a report, and may be empty there (PS3.3, C.7.1.1 and C.7.2.1)."""
_SINGLE = ("PatientID", "PatientName", "AccessionNumber", "StudyID")
_CHECKED = ("AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI")
"""Value representations whose form says whether a value can be right; text may be anything."""
_TEXT = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
_DELIMITERS = set(b"\\^=\r\n\t\f")
"""After which a text is in its first character set again (PS3.5, 6.1.2.5.3)."""
_GROUPS = (0x0008, 0x0010, 0x0020)
_PARTS = {1: 100, 2: 101, 3: 109, 4: 110, 5: 144, 6: 127, 7: 126, 8: 138, 9: 148}
"""Parts of ISO 8859 and the registrations by which DICOM names them (PS3.3, C.12.1.1.2)."""


def read_source(path: Path) -> Dataset:
    """The object without its pixels, as a report may copy from it.

    What describes patient and study and is not valid, such as a birth date "19XX0101", is empty; text is decoded.

    Raises:
        RecordError: it has no UID to refer to, or holds an identifier or text that cannot be told.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        # Of values that are not valid: they are looked at here.
        warnings.simplefilter("ignore")
        try:
            source = dcmread(path, stop_before_pixels=True)
        except InvalidDicomError as error:
            raise RecordError("is not a DICOM file", remedy="Copy it again") from error
        return with_valid_attributes(source)


def with_valid_attributes(source: Dataset) -> Dataset:
    """The object itself, changed as ``read_source`` says.

    Raises:
        RecordError: as there.
    """
    from pydicom.uid import UID

    for name in _UIDS:
        value = str(_value(source, name) or "")
        if not value:
            raise RecordError(f"has no {name}", remedy=f"A report refers to it: add {name} as your archive holds it")
        if not UID(value).is_valid:
            raise RecordError(f"its {name} is not a UID", remedy=f"Correct {name} to what your archive holds")
    _decode_text(source)
    for tag in _tags(source):
        if not _is_valid(source, tag):
            del source[tag]
    if _value(source, "PatientSex") not in (None, "", "F", "M", "O"):
        source.PatientSex = ""
    for name in _SINGLE:
        if getattr(_value(source, name), "__len__", None) and source[name].VM > 1:
            raise RecordError(f"its {name} holds several values", remedy=f"Correct {name}: a report needs one")
    for name in _TYPE_2:
        if name not in source:
            setattr(source, name, "")
    return source


def _value(source: Dataset, name: str) -> Any:
    """The value; None where it is absent or cannot be read."""
    try:
        return source[name].value if name in source else None
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
        return None


def _is_valid(source: Dataset, tag: BaseTag) -> bool:
    from pydicom import DataElement, config
    from pydicom.valuerep import DA, DT, TM, validate_value

    try:
        element: DataElement = source[tag]
        if element.VR not in _CHECKED or element.is_empty or element.keyword == "SpecificCharacterSet":
            return True
        values = element.value if element.VM > 1 else [element.value]
        for value in values:
            validate_value(element.VR, str(value), config.RAISE)
            if element.VR in ("DA", "DT", "TM"):
                {"DA": DA, "DT": DT, "TM": TM}[element.VR](str(value))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
        return False
    # Dates and times are single in every attribute of patient and study.
    return element.VR not in ("AS", "DA", "TM") or element.VM == 1


def _decode_text(source: Dataset) -> None:
    """Decode text whose character set is written otherwise than DICOM names it, if there is one way to read it.

    Raises:
        RecordError: there is not.
    """
    from highdicom.enum import SpecificCharacterSetValues
    from pydicom.charset import convert_encodings, decode_bytes
    from pydicom.dataelem import RawDataElement

    written = _value(source, "SpecificCharacterSet") or ""
    sets = [str(one) for one in ([written] if isinstance(written, str) else written)]
    known = {one.value for one in SpecificCharacterSetValues}
    if all(one in known for one in sets if one):
        return
    named = [one if one in known or not one else _standard_set(one) for one in sets]
    raw: list[Any] = [source.get_item(tag) for tag in _tags(source)]
    texts = [
        one
        for one in raw
        if isinstance(one, RawDataElement) and one.value and _representation(one.tag, one.VR) in _TEXT
    ]
    if None in named:
        if not all((one.value or b"").isascii() for one in texts):
            raise RecordError(
                f"its SpecificCharacterSet '{_printable(sets)}' is not one that DICOM defines",
                remedy="Correct it, such as ISO_IR 100 for Latin-1 or ISO_IR 192 for UTF-8",
            )
        # All sets agree on ASCII.
        named = ["ISO_IR 192"]
    encodings = convert_encodings(named)  # type: ignore[arg-type]
    for one in texts:
        text = decode_bytes(one.value or b"", encodings, _DELIMITERS)
        source.add_new(one.tag, _representation(one.tag, one.VR), text.rstrip("\0 "))
    source.SpecificCharacterSet = named if len(named) > 1 else named[0]


def _tags(source: Dataset) -> list[BaseTag]:
    """Tags of what describes object, patient and study; reading no value yet."""
    return [tag for tag in source.keys() if tag.group in _GROUPS]  # noqa: SIM118 - iteration reads the values.


def _representation(tag: BaseTag, written: str | None) -> str:
    """The value representation, from the dictionary where the file does not write it."""
    from pydicom.datadict import dictionary_VR

    try:
        return written or dictionary_VR(tag)
    except KeyError:
        return ""


def _printable(sets: list[str]) -> str:
    """Names of character sets as one printable word."""
    return "".join(sign if sign.isprintable() else "?" for sign in "\\".join(sets))[:40]


def _standard_set(written: str) -> str | None:
    r"""DICOM's name of a character set that is named otherwise; None where it cannot be told.

    >>> [_standard_set(one) for one in ("ISO 8859-1", "ISO_IR_100", "iso-8859-5", "utf8", "KOI8-R")]
    ['ISO_IR 100', 'ISO_IR 100', 'ISO_IR 144', 'ISO_IR 192', None]
    """
    plain = re.sub(r"[\s_-]+", "", written.upper())
    if part := re.fullmatch(r"ISO8859(\d)", plain):
        number = _PARTS.get(int(part[1]))
        return f"ISO_IR {number}" if number else None
    if registered := re.fullmatch(r"(?:ISO)?IR(\d+)", plain):
        number = int(registered[1])
        return f"ISO_IR {number}" if number in (*_PARTS.values(), 13, 166, 192) else None
    others = {"UTF8": "ISO_IR 192", "LATIN1": "ISO_IR 100", "GB18030": "GB18030", "GBK": "GBK"}
    return others.get(plain)
