"""HL7 annotated ECG (aECG, FDA XML)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.channels import Channel, no_voltage, recording_of, refused, uncalibrated
from medkd.modalities.ecg.recording import Recording, canonical, millivolts

_V3 = "{urn:hl7-org:v3}"
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def read_aecg(root: Any, path: Path) -> Recording:
    """The first series of an annotated ECG; derived series (representative beats) are not read.

    Raises:
        RecordError: a sequence has no increment, or a lead no digits.
    """
    sequences = root.findall(
        f"./{_V3}component/{_V3}series/{_V3}component/{_V3}sequenceSet/{_V3}component/{_V3}sequence"
    )
    leads: list[str] = []
    rows: list[tuple[NDArray[np.float64], str]] = []
    increment = 0.0
    for sequence in sequences:
        named = sequence.find(f"{_V3}code")
        code = "" if named is None else str(named.get("code", ""))
        if code.startswith("TIME_"):
            increment = increment or _quantity(sequence, "increment", _SECONDS)
        elif code.startswith("MDC_ECG_LEAD_") and code not in leads:
            leads.append(code)
            rows.append(_voltage(sequence, code, path.stem))
    if not rows or len({len(row) for row, _ in rows}) != 1:
        raise RecordError(f"aECG {path.name} holds no leads of one common length", where=path, remedy="Export it again")
    if increment <= 0:
        raise RecordError(
            f"ECG of record {path.stem} states no sampling rate", where=path, remedy="Export it with a time increment"
        )
    rate = 1.0 / increment
    channels = [
        refused(lead, rate, fault) if fault else Channel(lead, row, rate)
        for lead, (row, fault) in zip(leads, rows, strict=True)
    ]
    return recording_of(channels, path.stem, path)


def _voltage(sequence: Any, code: str, name: str) -> tuple[NDArray[np.float64], str]:
    """Millivolts of a lead, and why it cannot be used ("" where it can)."""
    lead = canonical(code) or code
    try:
        digits = np.array(sequence.find(f".//{_V3}digits").text.split(), dtype=np.float64)
        origin, scale = sequence.find(f".//{_V3}origin"), sequence.find(f".//{_V3}scale")
        factors: list[float] = []
        for unit in (origin.get("unit", ""), scale.get("unit", "")):
            factor = millivolts(unit)
            if factor is None:
                return digits, no_voltage(lead, unit)
            factors.append(factor)
        if not float(scale.get("value")):
            return digits, uncalibrated(lead)
        offset = float(origin.get("value")) * factors[0]
        return offset + digits * float(scale.get("value")) * factors[1], ""
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
