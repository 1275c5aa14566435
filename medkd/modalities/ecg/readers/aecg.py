"""HL7 annotated ECG (aECG, FDA XML)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.recording import Recording, millivolts, standard_names

_V3 = "{urn:hl7-org:v3}"
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def read_aecg(path: Path) -> Recording:
    """The first series of an annotated ECG; derived series (representative beats) are not read.

    Raises:
        RecordError: it is not a well-formed aECG, or a sequence has no increment, scale or digits.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    try:
        root: Any = parse(path, forbid_dtd=True).getroot()
    except (ParseError, DefusedXmlException, ValueError) as error:
        what = str(error.__cause__ or error) if isinstance(error, ParseError) else repr(error)
        raise RecordError(
            f"{path.name} is not readable XML: {what}", where=path, remedy="It is cut short or damaged: export it again"
        ) from error
    if root.tag != f"{_V3}AnnotatedECG":
        raise RecordError(
            f"{path.name} is XML of kind '{root.tag.rpartition('}')[2]}', not an HL7 annotated ECG",
            where=path,
            remedy="Export it as HL7 aECG, DICOM or WFDB",
        )
    sequences = root.findall(
        f"./{_V3}component/{_V3}series/{_V3}component/{_V3}sequenceSet/{_V3}component/{_V3}sequence"
    )
    leads: list[str] = []
    rows: list[NDArray[np.float64]] = []
    increment = 0.0
    for sequence in sequences:
        named = sequence.find(f"{_V3}code")
        code = "" if named is None else str(named.get("code", ""))
        if code.startswith("TIME_"):
            increment = increment or _quantity(sequence, "increment", _SECONDS)
        elif code.startswith("MDC_ECG_LEAD_") and code not in leads:
            leads.append(code)
            rows.append(_voltage(sequence, path.stem))
    if not rows or len({len(row) for row in rows}) != 1:
        raise RecordError(f"aECG {path.name} holds no leads of one common length", where=path, remedy="Export it again")
    if increment <= 0:
        raise RecordError(
            f"ECG of record {path.stem} states no sampling rate", where=path, remedy="Export it with a time increment"
        )
    return Recording(np.stack(rows), standard_names(leads), 1.0 / increment, path.stem)


def _voltage(sequence: Any, name: str) -> NDArray[np.float64]:
    try:
        digits = np.array(sequence.find(f".//{_V3}digits").text.split(), dtype=np.float64)
        origin, scale = sequence.find(f".//{_V3}origin"), sequence.find(f".//{_V3}scale")
        offset = float(origin.get("value")) * millivolts(origin.get("unit", ""), name)
        return offset + digits * float(scale.get("value")) * millivolts(scale.get("unit", ""), name)
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordError(
            f"aECG of record {name} has a lead without origin, scale or digits", remedy="Export it again"
        ) from error


def _quantity(sequence: Any, tag: str, units: dict[str, float]) -> float:
    quantity = sequence.find(f".//{_V3}{tag}")
    try:
        return float(quantity.get("value")) * units[quantity.get("unit")]
    except (AttributeError, KeyError, TypeError, ValueError):
        return 0.0
