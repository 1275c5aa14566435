"""Philips Sierra XML ("restingecgdata", versions 1.03 and 1.04): base64 of 16-bit steps, plain or packed as XLI."""

from __future__ import annotations

import base64
import binascii
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.channels import Channel, recording_of, refused, uncalibrated
from medkd.modalities.ecg.recording import STANDARD, Recording

_BITS = 10
_VERSIONS = ("1.03", "1.04")
_REMEDY = "Export it as Philips Sierra XML 1.03 or 1.04, HL7 aECG, DICOM or WFDB"


def read_philips(root: Any, path: Path) -> Recording:
    """The rhythm of a Philips export.

    Raises:
        RecordError: it has no waveform, or is of a version or packing that is not read.
    """
    version = _text(root, "documentversion")
    waves = next(iter(root.findall(".//{*}parsedwaveforms")), None)
    if waves is None or not version.startswith(_VERSIONS):
        what = f"of version '{version}'" if waves is not None and version else "without a waveform"
        raise RecordError(f"{path.name} is Philips Sierra XML {what}, which is not read", where=path, remedy=_REMEDY)
    try:
        rate = float(waves.get("samplespersecond") or _text(root, "samplingrate"))
        resolution = float(waves.get("resolution") or _text(root, "resolution") or 0)
        offset = float(waves.get("signaloffset") or _text(root, "signaloffset") or 0)
        length = round(float(waves.get("durationperchannel") or 0) * rate / 1000)
        packing = waves.get("compressmethod") or waves.get("compression") or "Uncompressed"
        labels = (waves.get("leadlabels") or "").split() or _standard_labels(root)
        if waves.get("dataencoding") != "Base64" or packing not in ("XLI", "Uncompressed") or not labels or rate <= 0:
            raise ValueError(packing)
        content = base64.b64decode("".join((waves.text or "").split()), validate=True)
        steps = _unpacked(content) if packing == "XLI" else list(np.frombuffer(content, "<i2").reshape(-1, length))
        steps = [row[:length].astype(np.int64) for row in steps[: len(labels)]]
        if len(steps) < len(labels) or any(len(row) != length for row in steps) or not length:
            raise ValueError(length)
    except (ValueError, IndexError, struct.error, binascii.Error) as error:
        raise RecordError(
            f"{path.name} is Philips Sierra XML whose waveform cannot be unpacked", where=path, remedy=_REMEDY
        ) from error
    if packing == "XLI" and tuple(labels[:6]) == STANDARD[:6]:
        _restore_limb_leads(steps)
    scale = resolution / 1000  # it is stated in µV
    channels = [
        Channel(label, (row.astype(np.float64) - offset) * scale, rate)
        if scale
        else refused(label, rate, uncalibrated(label))
        for label, row in zip(labels, steps, strict=False)
    ]
    return recording_of(channels, path.stem, path)


def _restore_limb_leads(steps: list[NDArray[np.int64]]) -> None:
    """Four limb leads are packed as their distance from what I and II say; put them back, in place."""
    one, two = steps[0], steps[1]
    steps[2] = two - one - steps[2]
    steps[3] = -steps[3] - (one + two) // 2
    steps[4] = (one - steps[2]) // 2 - steps[4]
    steps[5] = (two + steps[2]) // 2 - steps[5]


def _unpacked(content: bytes) -> list[NDArray[np.int64]]:
    """XLI: for each lead its length in bytes, a code, its first prediction, then second differences under LZW."""
    leads: list[NDArray[np.int64]] = []
    offset = 0
    while offset < len(content):
        size, _, first = struct.unpack_from("<ihh", content, offset)
        if size <= 0:
            raise ValueError(size)
        packed = _lzw(content[offset + 8 : offset + 8 + size])
        offset += 8 + size
        half = (len(packed) + 1) // 2
        halves = np.frombuffer(packed.ljust(2 * half, b"\0"), np.uint8).reshape(2, half).astype(np.uint16)
        leads.append(_integrated((halves[0] << 8 | halves[1]).astype(np.int16), first))
    return leads


def _integrated(deltas: NDArray[np.int16], first: int) -> NDArray[np.int64]:
    """Samples of their second differences, in 16 bits."""
    samples = deltas.tolist()
    last = first
    for index in range(2, len(samples)):
        delta = samples[index]
        samples[index] = (2 * samples[index - 1] - samples[index - 2] - last + 32768) % 65536 - 32768
        last = delta - 64
    return np.array(samples, dtype=np.int64)


def _lzw(packed: bytes) -> bytes:
    """LZW of codes of 10 bits, highest bit first, whose table is full at 1,023 entries."""
    table = [bytes([byte]) for byte in range(256)]
    previous, out = b"", []
    count = 8 * len(packed) // _BITS
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))[: count * _BITS].reshape(count, _BITS)
    codes = bits @ (1 << np.arange(_BITS)[::-1])
    for code in codes.tolist():
        if code > (1 << _BITS) - 2:
            break
        if code > len(table) or (code == len(table) and not previous):
            raise ValueError(code)
        string = table[code] if code < len(table) else previous + previous[:1]
        if previous and len(table) < (1 << _BITS) - 1:
            table.append(previous + string[:1])
        previous = string
        out.append(string)
    return b"".join(out)


def _standard_labels(root: Any) -> list[str]:
    return list(STANDARD) if _text(root, "acquisitiontype") in ("STD-12", "10-WIRE") else []


def _text(root: Any, tag: str) -> str:
    return str(root.findtext(f".//{{*}}{tag}") or "").strip()
