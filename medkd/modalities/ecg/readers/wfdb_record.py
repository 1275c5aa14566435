"""WFDB records: a ``.hea`` header beside ``.dat`` or ``.mat`` signals, in one piece or in segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.channels import Channel, named_twice, no_voltage, recording_of, refused, uncalibrated
from medkd.modalities.ecg.readers.format16 import read_format16
from medkd.modalities.ecg.readers.wfdb_header import Header, Signal, header_text, other_checksum, parse_header
from medkd.modalities.ecg.recording import Recording, canonical, millivolts

_MISSING = {"80": -128, "212": -2048, "310": -512, "311": -512, "24": -8388608, "32": -2147483648, "8": None}
"""Step that stands for a missing sample, by format; -32,768 in those of 16 bits. Format 8 has none."""
_MOST_VALUES = 1 << 28


def read_wfdb(header: Path) -> Recording:
    """A WFDB record by its header file: directly where it is plain format 16, else through the wfdb package.

    Raises:
        RecordError: header or signals are missing, truncated or damaged, there is no sampling rate, or no lead.
    """
    text = header_text(header)
    return read_format16(header, text) or read_with_package(header)


def read_with_package(header: Path) -> Recording:
    """A WFDB record of any kind; its samples through the wfdb package, their scale from the header as it is written.

    Raises:
        RecordError: as ``read_wfdb``.
    """
    parsed = parse_header(header_text(header), header)
    if parsed.segments:
        return _joined(header, parsed)
    channels = _channels(header, parsed)
    return recording_of(channels, header.stem, header)


def _channels(header: Path, parsed: Header) -> list[Channel]:
    if not parsed.signals:
        raise RecordError(f"in ECG {header.stem} no lead was recorded", where=header, remedy="Leave the record out")
    if all(signal.file == "~" for signal in parsed.signals):
        raise RecordError(
            f"{header.name} is the layout of a multi-segment record, and has no samples of its own",
            where=header,
            remedy="Give the record that names it",
        )
    steps = _steps(header, parsed)
    return [_channel(signal, row, parsed.rate, header) for signal, row in zip(parsed.signals, steps, strict=True)]


def _steps(header: Path, parsed: Header) -> list[NDArray[np.int64]]:
    """Samples of each signal as they are stored, every one of a frame, not delayed."""
    import wfdb  # here, because its import takes longer than reading a thousand plain records

    for signal in parsed.signals:
        if not header.with_name(signal.file).is_file():
            raise RecordError(
                f"ECG of record {header.stem} lacks its signal file {signal.file}",
                where=header,
                remedy="Copy it beside",
            )
    try:
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=False, smooth_frames=False, ignore_skew=True)
        steps = [np.asarray(row, dtype=np.int64) for row in record.e_d_signal or ()]
    except Exception as error:  # a damaged file can fail anywhere inside the package
        raise RecordError(
            f"ECG of record {header.stem} cannot be read: {_reason(header, parsed)}",
            where=header,
            remedy="The file is truncated or damaged: copy it again",
        ) from error
    if len(steps) != len(parsed.signals) or not all(len(row) for row in steps):
        raise RecordError(f"ECG of record {header.stem} holds no samples", where=header, remedy="Copy the record again")
    return steps


def _channel(signal: Signal, steps: NDArray[np.int64], rate: float, header: Path) -> Channel:
    lead = canonical(signal.lead) or signal.lead
    if signal.checksum is not None and (int(steps.sum()) - signal.checksum) % 65536:
        raise other_checksum(header, lead, header.with_name(signal.file))
    rate *= signal.frame
    if not signal.gain:
        return refused(signal.lead, rate, uncalibrated(lead))
    factor = millivolts(signal.unit)
    if factor is None:
        return refused(signal.lead, rate, no_voltage(lead, signal.unit))
    values = (steps.astype(np.float64) - signal.baseline) / signal.gain
    values[steps == _MISSING.get(signal.format, -32768)] = np.nan
    if factor != 1.0:
        values *= factor
    if delay := min(signal.skew * signal.frame, len(values)):
        values = np.concatenate([values[delay:], np.full(delay, np.nan)])
    return Channel(signal.lead, values, rate)


def _joined(header: Path, parsed: Header) -> Recording:
    """A multi-segment record as one: samples are missing in a gap, and in a segment without the lead."""
    segments: list[tuple[int, list[Channel]]] = []
    for name, length in parsed.segments:
        channels = [] if name == "~" or not length else _segment(header.with_name(f"{name}.hea"), header, parsed.rate)
        segments.append((length, channels))
    labels = dict.fromkeys(channel.label for _, channels in segments for channel in channels)
    total = sum(length for length, _ in segments)
    if len(labels) * total > _MOST_VALUES:
        raise RecordError(
            f"ECG of record {header.stem} is {total / parsed.rate / 3600:,.0f} hours long in {len(labels)} leads",
            where=header,
            remedy="Give its segments, or cut it",
        )
    rows = [_row(label, segments, parsed.rate, header) for label in labels]
    return recording_of(rows, header.stem, header)


def _segment(path: Path, header: Path, rate: float) -> list[Channel]:
    if not path.is_file():
        raise RecordError(
            f"ECG of record {header.stem} lacks its segment {path.name}", where=header, remedy="Copy it beside"
        )
    parsed = parse_header(header_text(path), path)
    if parsed.segments or parsed.rate != rate:
        what = "is in segments itself" if parsed.segments else f"has {parsed.rate:g} Hz, the record {rate:g} Hz"
        raise RecordError(
            f"ECG of record {header.stem} cannot be read: its segment {path.name} {what}",
            where=header,
            remedy="Give the segments one by one",
        )
    return _channels(path, parsed)


def _row(label: str, segments: list[tuple[int, list[Channel]]], rate: float, header: Path) -> Channel:
    """A lead over all segments."""
    named = [[channel for channel in channels if channel.label == label] for _, channels in segments]
    first = next(channel for channels in named for channel in channels)
    if fault := next((channel.fault for channels in named for channel in channels if channel.fault), ""):
        return refused(label, first.rate, fault)
    if max(map(len, named)) > 1:
        return refused(label, first.rate, named_twice(first.lead))
    frame = round(first.rate / rate)
    pieces: list[NDArray[np.float64]] = []
    for (length, _), channels in zip(segments, named, strict=True):
        piece = channels[0].values if channels else np.full(length * frame, np.nan)
        if len(piece) != length * frame:
            raise RecordError(
                f"ECG of record {header.stem} cannot be read: lead {first.lead} is longer or shorter in one of its "
                "segments than the header states",
                where=header,
                remedy="Copy the record again",
            )
        pieces.append(piece)
    return Channel(label, np.concatenate(pieces), first.rate)


def _reason(header: Path, parsed: Header) -> str:
    """Reason why the package failed, from the record's sizes where they show it."""
    file = header.with_name(parsed.signals[0].file)
    plain = all(signal.file == file.name and signal.format == "16" for signal in parsed.signals)
    if plain and parsed.length:
        size = file.stat().st_size
        expected = 2 * parsed.length * sum(signal.frame for signal in parsed.signals)
        if size != expected:
            return f"{file.name} holds {size:,} bytes where the header states {expected:,}"
    return f"{file.name} cannot be decoded as format {parsed.signals[0].format}"
