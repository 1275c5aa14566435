"""WFDB format 16, read directly: the format of PTB-XL, Brugada-HUCA, LUDB and the CinC challenges.

Several times as fast as the wfdb package and equal to it on every record (by test). Records in another than the plain
form (several files, other formats, frames, skews, segments, lengths that disagree) are left to the package.
Source: header(5) and signal(5) of the WFDB Applications Guide.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from medkd.modalities.ecg.readers.channels import Channel, no_voltage, recording_of, refused
from medkd.modalities.ecg.readers.wfdb_header import is_stated, other_checksum
from medkd.modalities.ecg.recording import Recording, millivolts, standard_names

_RECORD = re.compile(r"[-\w]+ +(?P<signals>[1-9]\d*) +(?P<rate>\d+(?:\.\d+)?) +(?P<length>[1-9]\d*)(?: .*)?")
_SIGNAL = re.compile(
    r"(?P<file>[-\w]+\.\w+) +16(?:x1)?(?:\+(?P<offset>\d+))?"
    r" +(?P<gain>\d+(?:\.\d+)?)\((?P<baseline>-?\d+)\)/(?P<unit>\w+)"
    r" +\d+ +-?\d+ +(?P<first>-?\d+) +(?P<checksum>-?\d+) +0 +(?P<lead>\S(?:.*\S)?)"
)
_MISSING = np.int16(-32768)


def read_format16(path: Path, text: str) -> Recording | None:
    """The record whose header at ``path`` is ``text``; None where it is left to the wfdb package.

    Raises:
        RecordError: the samples do not have the checksum that the header states.
    """
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    head = _RECORD.fullmatch(lines[0]) if lines else None
    if head is None or len(lines) != int(head["signals"]) + 1 or float(head["rate"]) <= 0:
        return None
    matches = [_SIGNAL.fullmatch(line) for line in lines[1:]]
    signals = [match for match in matches if match is not None]
    if len(signals) != len(matches) or len({(signal["file"], signal["offset"]) for signal in signals}) != 1:
        return None
    length, file, offset = int(head["length"]), path.parent / signals[0]["file"], int(signals[0]["offset"] or 0)
    gain = np.array([float(signal["gain"]) for signal in signals])
    if not gain.all() or not file.is_file() or file.stat().st_size != offset + 2 * length * len(signals):
        return None
    samples = np.fromfile(file, dtype="<i2", offset=offset).reshape(length, len(signals))
    leads = standard_names([signal["lead"] for signal in signals])
    sums = samples.sum(axis=0, dtype=np.int64)
    for lead, total, signal in zip(leads, sums, signals, strict=True):
        if is_stated(signal["checksum"], signal["first"]) and (int(total) - int(signal["checksum"])) % 65536:
            raise other_checksum(path, lead, file)
    values = np.empty((len(signals), length))
    np.subtract(samples.T, np.array([[int(signal["baseline"])] for signal in signals]), out=values)
    values /= gain[:, None]
    missing = samples.T == _MISSING
    if missing.any():
        values[missing] = np.nan
    rate = float(head["rate"])
    units = [signal["unit"] for signal in signals]
    scale = [millivolts(unit) for unit in units]
    if None in scale or len(set(leads)) != len(leads):
        channels = [
            refused(lead, rate, no_voltage(lead, unit)) if factor is None else Channel(lead, row * factor, rate)
            for lead, unit, factor, row in zip(leads, units, scale, values, strict=True)
        ]
        return recording_of(channels, path.stem, path)
    if any(factor != 1.0 for factor in scale):
        values *= np.array(scale)[:, None]
    return Recording(values, leads, rate, path.stem)
