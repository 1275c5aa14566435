"""GE MUSE XML ("RestingECG"): base64 of 16-bit steps, lead by lead."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.channels import Channel, no_voltage, recording_of, refused, uncalibrated
from medkd.modalities.ecg.recording import Recording, canonical, millivolts

_DERIVED = {
    "III": (("II", 1.0), ("I", -1.0)),
    "aVR": (("I", -0.5), ("II", -0.5)),
    "aVL": (("I", 1.0), ("II", -0.5)),
    "aVF": (("II", 1.0), ("I", -0.5)),
}
"""Leads that MUSE does not store, since I and II determine them."""
_UNITS = {"MICROVOLTS": "uV", "MILLIVOLTS": "mV", "VOLTS": "V"}


def read_muse(root: Any, path: Path) -> Recording:
    """The rhythm of a MUSE export; the median beat beside it is not read.

    Raises:
        RecordError: it has no rhythm, or a lead lacks its scale or samples.
    """
    rhythms = [wave for wave in root.findall(".//Waveform") if _text(wave, "WaveformType").lower() == "rhythm"]
    if not rhythms:
        raise RecordError(
            f"{path.name} is GE MUSE XML without a rhythm waveform",
            where=path,
            remedy="Export it from MUSE with its waveforms, as XML, DICOM or HL7 aECG",
        )
    channels: list[Channel] = []
    for wave in rhythms:
        try:
            rate = float(_text(wave, "SampleBase")) * 10.0 ** float(_text(wave, "SampleExponent") or 0)
        except ValueError:
            rate = 0.0
        if not 0 < rate < float("inf"):
            raise RecordError(
                f"ECG of record {path.stem} states no sampling rate", where=path, remedy="Export it with SampleBase"
            )
        stored = [_channel(lead, rate, path) for lead in wave.findall("LeadData")]
        channels += [*stored, *_derived(stored, rate)]
    return recording_of(channels, path.stem, path)


def _channel(lead: Any, rate: float, path: Path) -> Channel:
    label = _text(lead, "LeadID")
    name = canonical(label) or label
    try:
        content = base64.b64decode("".join(_text(lead, "WaveFormData").split()), validate=True)
        steps = np.frombuffer(content, dtype="<i2")
        stated = _text(lead, "LeadSampleCountTotal")
        if _text(lead, "LeadSampleSize") not in ("", "2") or (stated and int(stated) != len(steps)):
            raise ValueError(stated)
    except (ValueError, binascii.Error) as error:
        raise RecordError(
            f"ECG of record {path.stem} cannot be read: lead {name} has other samples than it states",
            where=path,
            remedy="It is cut short or damaged: export it again",
        ) from error
    scale, unit = _text(lead, "LeadAmplitudeUnitsPerBit"), _text(lead, "LeadAmplitudeUnits")
    try:
        step = float(scale)
    except ValueError:
        step = 0.0
    if not step or not unit:
        return refused(label, rate, uncalibrated(name))
    factor = millivolts(_UNITS.get(unit.upper(), unit))
    if factor is None:
        return refused(label, rate, no_voltage(name, unit))
    values = steps * (step * factor)
    values[steps == -32768] = np.nan
    return Channel(label, values, rate)


def _derived(stored: list[Channel], rate: float) -> list[Channel]:
    values: dict[str, NDArray[np.float64]] = {channel.lead: channel.values for channel in stored if not channel.fault}
    if not {"I", "II"} <= set(values) or len(values["I"]) != len(values["II"]):
        return []
    named = {channel.lead for channel in stored}
    return [
        Channel(lead, sum((factor * values[other] for other, factor in terms), np.zeros(len(values["I"]))), rate)
        for lead, terms in _DERIVED.items()
        if lead not in named
    ]


def _text(element: Any, tag: str) -> str:
    return str(element.findtext(tag) or "").strip()
