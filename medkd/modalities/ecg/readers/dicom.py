"""DICOM waveform objects (12-lead ECG, general ECG), through pydicom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.channels import Channel, no_voltage, recording_of, refused, uncalibrated
from medkd.modalities.ecg.recording import Recording, canonical, millivolts

_NUMBERS = {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF"} | {n + 2: f"V{n}" for n in range(1, 7)}
"""Leads by their number in SCP-ECG and in ISO/IEEE 11073 (MDC), which is the last part of a code."""
_CODE = re.compile(r"(?:5\.6\.3-9-|2:|131\d{3}:)?(\d+)")
_COMPANDED = ("MB", "AB")


def read_dicom(path: Path) -> Recording:
    """The waveform of a DICOM object: the multiplex groups that were recorded, not the median beat that devices derive.

    Leads are told by their code, not by its meaning, whose language differs. Padding is missing samples.

    Raises:
        RecordError: it is not a DICOM file, is deflated, or has no waveform.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        _refuse_deflated(path)
        data = dcmread(path, stop_before_pixels=True)
        groups = list(data.get("WaveformSequence", []))
        if not groups:
            raise RecordError(
                f"DICOM file {path.name} holds no waveform", where=path, remedy="Give a 12-lead ECG object"
            )
        channels = [channel for index in _recorded(groups) for channel in _channels(data, index, groups[index], path)]
    except RecordError:
        raise
    except InvalidDicomError as error:
        raise RecordError(
            f"{path.name} is not a DICOM file", where=path, remedy="Check its suffix, or export it again"
        ) from error
    except Exception as error:  # a damaged file can fail anywhere inside the package
        raise RecordError(
            f"DICOM waveform {path.name} cannot be read: it is damaged, or lacks what the standard asks for",
            where=path,
            remedy="Export it again",
        ) from error
    return recording_of(channels, path.stem, path)


def _recorded(groups: list[Any]) -> list[int]:
    """Indices of the groups that were recorded; of all where each was derived."""
    derived = [str(group.get("WaveformOriginality", "")).upper() == "DERIVED" for group in groups]
    return [index for index, is_derived in enumerate(derived) if not is_derived or all(derived)]


def _channels(data: Any, index: int, group: Any, path: Path) -> list[Channel]:
    rate = float(group.SamplingFrequency or 0)
    if not 0 < rate < float("inf"):
        raise RecordError(
            f"ECG of record {path.stem} states no sampling rate", where=path, remedy="Export it with SamplingFrequency"
        )
    if str(group.WaveformSampleInterpretation) in _COMPANDED:
        raise RecordError(
            f"DICOM waveform {path.name} is companded (mu-law or A-law), which is not read",
            where=path,
            remedy="Export it with 16 bits a sample",
        )
    steps = _raw(data, index)
    start = float(group.get("MultiplexGroupTimeOffset", 0) or 0) / 1000
    padding = _padding(group, steps.dtype)
    channels = []
    for row, channel in zip(steps.T, group.ChannelDefinitionSequence, strict=True):
        label = _label(channel)
        missing = np.zeros(len(row), bool) if padding is None else row == padding
        channels.append(_channel(label, channel, row, missing, rate, start))
    return channels


def _raw(data: Any, index: int) -> NDArray[Any]:
    from pydicom.waveforms.numpy_handler import multiplex_array

    steps: NDArray[Any] = multiplex_array(data, index, as_raw=True)
    return steps


def _channel(
    label: str, channel: Any, steps: NDArray[Any], missing: NDArray[np.bool_], rate: float, start: float
) -> Channel:
    lead = canonical(label) or label
    if missing.all():
        # Nothing was recorded, whatever its scale.
        return Channel(label, np.full(len(steps), np.nan), rate, start=start)
    units = channel.get("ChannelSensitivityUnitsSequence")
    sensitivity = channel.get("ChannelSensitivity")
    if not units or not sensitivity:
        return refused(label, rate, uncalibrated(lead))
    unit = str(units[0].get("CodeValue", ""))
    factor = millivolts(unit)
    if factor is None:
        return refused(label, rate, no_voltage(lead, unit))
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    values = steps.astype(np.float64) * float(sensitivity) * float(1.0 if correction is None else correction)
    values += float(channel.get("ChannelBaseline") or 0.0)
    values[missing] = np.nan
    return Channel(label, values * factor, rate, start=start)


def _label(channel: Any) -> str:
    """The lead by its code; by its meaning or label where the code is of no scheme that is known."""
    sources = channel.get("ChannelSourceSequence") or []
    source = sources[0] if sources else {}
    value = str(source.get("CodeValue") or source.get("LongCodeValue") or "").strip()
    scheme = str(source.get("CodingSchemeDesignator") or "").strip().upper()
    meaning = str(source.get("CodeMeaning") or "").strip()
    if scheme in ("SCPECG", "MDC", "11073"):
        match = _CODE.fullmatch(value)
        lead = _NUMBERS.get(int(match[1])) if match else canonical(value)
        # A code that is none of the twelve is another lead, whatever its meaning is called.
        return lead or f"{value} {meaning}".strip()
    return meaning or str(channel.get("ChannelLabel") or "").strip() or value or "without a name"


def _padding(group: Any, dtype: np.dtype[Any]) -> Any:
    """The step that means "no sample"; None where the group has none."""
    stated = group.get("WaveformPaddingValue")
    if stated is None or stated == b"":
        return None
    if isinstance(stated, bytes):
        return np.frombuffer(stated[: dtype.itemsize], dtype=dtype)[0]
    return np.array(int(stated)).astype(dtype)


def _refuse_deflated(path: Path) -> None:
    """Refuse a deflated file: a few kB may unpack to gigabytes, and pydicom unpacks them whole.

    Raises:
        RecordError: it is deflated.
    """
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise RecordError(
            f"DICOM file {path.name} is deflated, which is not read", where=path, remedy="Export it uncompressed"
        )
