"""WFDB headers: text in any encoding, the record line, and one line per signal or segment.

Source: header(5) of the WFDB Applications Guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from medkd.errors import RecordError

_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_RECORD = re.compile(
    rf"(?P<name>[^\s/]+)(?:/(?P<segments>\d+))?\s+(?P<signals>\d+)(?:\s+(?P<rate>{_NUMBER})\S*(?:\s+(?P<length>\d+).*)?)?"
)
_SIGNAL = re.compile(
    r"(?P<file>\S+)\s+(?P<format>\d+)(?:x(?P<frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?"
    rf"(?:\s+(?P<gain>{_NUMBER})(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<unit>\S+))?"
    r"(?:\s+(?P<bits>\d+)(?:\s+(?P<zero>[-+]?\d+)(?:\s+(?P<first>[-+]?\d+)(?:\s+(?P<checksum>[-+]?\d+)"
    r"(?:\s+(?P<block>\d+)(?:\s+(?P<lead>\S.*))?)?)?)?)?)?)?"
)
_SEGMENT = re.compile(r"(?P<name>\S+)\s+(?P<length>\d+)")


@dataclass(frozen=True)
class Signal:
    """One signal line.

    Args:
        file: of its samples; "~" in the layout of a multi-segment record.
        frame: samples per frame.
        skew: frames by which it is delayed.
        gain: steps per unit; 0 where the header states none, which means uncalibrated.
        baseline: step of the value 0.
        unit: "mV" where the header states a gain alone, as header(5) has it.
        checksum: of its samples, modulo 65,536; None where none is stated.
        lead: its description; "" where it has none.
    """

    file: str
    format: str
    frame: int
    skew: int
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    lead: str


@dataclass(frozen=True)
class Header:
    """A header: ``signals`` of one record, or ``segments`` of one that is kept in several.

    Args:
        rate: frames per second, Hz.
        length: frames; 0 where the header states none.
        segments: name and length of each; "~" for a gap.
    """

    rate: float
    length: int
    signals: tuple[Signal, ...]
    segments: tuple[tuple[str, int], ...] = ()


def header_text(path: Path) -> str:
    """Text of a header: each line in UTF-8, or in Latin-1 where it is not that (a unit's micro sign is then one byte).

    Raises:
        RecordError: it is empty, or not text.
    """
    content = path.read_bytes()
    if not content.strip() or b"\0" in content:
        what = "is not text" if content.strip() else "is empty"
        raise RecordError(f"header of ECG {path.stem} {what}", where=path, remedy="Copy the record again")
    return "\n".join(_decoded(line) for line in content.splitlines())


def parse_header(text: str, path: Path) -> Header:
    """The header whose text is ``text``.

    Raises:
        RecordError: it is cut short or damaged, states no sampling rate, or names a file in another folder.
    """
    first, *lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")] or [""]
    head = _RECORD.fullmatch(first)
    words = first.split()
    rate = words[2].split("/")[0].split("(")[0] if len(words) > 2 else ""
    if not _is_positive(rate):
        # WFDB's default of 250 Hz would be a guess.
        raise RecordError(
            f"ECG of record {path.stem} states no sampling rate",
            where=path,
            remedy="Write it as the third word of the header's first line, e.g. 'NAME 12 100 1000'",
        )
    if head is None:
        raise _damaged(path, "its header is damaged in the first line")
    length = int(head["length"] or 0)
    if head["segments"] is not None:
        segments = [_SEGMENT.fullmatch(line) for line in lines]
        if None in segments or len(segments) != int(head["segments"]):
            raise _damaged(path, f"it states {head['segments']} segments and describes {len(lines)}")
        pairs = tuple((match["name"], int(match["length"])) for match in segments if match is not None)
        _in_folder([name for name, _ in pairs], path)
        return Header(float(rate), length, (), pairs)
    stated = int(head["signals"])
    signals = [_SIGNAL.fullmatch(line) for line in lines[:stated]]
    if len(signals) < stated or None in signals:
        described = sum(len(line.split()) > 8 for line in lines)
        raise _damaged(path, f"its header is cut short; it states {stated} leads and describes {described}")
    parsed = tuple(_signal(match) for match in signals if match is not None)
    _in_folder([signal.file for signal in parsed], path)
    return Header(float(rate), length, parsed)


def segments_of(path: Path) -> tuple[str, ...]:
    """Names of the segments that a header of a multi-segment record names; none where it is not one, or unreadable."""
    try:
        with path.open("rb") as stream:
            first = next((line for line in stream if line.strip() and not line.startswith(b"#")), b"")
            if b"/" not in first.split(b" ", 1)[0]:
                return ()
        return tuple(name for name, _ in parse_header(header_text(path), path).segments if name != "~")
    except (OSError, RecordError):
        return ()


def is_stated(checksum: str | None, first: str | None) -> bool:
    """Whether a header states a checksum: programs that compute none write 0, for it and for the first sample."""
    return checksum is not None and (int(checksum) != 0 or int(first or 0) != 0)


def other_checksum(header: Path, lead: str, file: Path) -> RecordError:
    """Refusal of samples that are not those that the header was written for."""
    return RecordError(
        f"ECG of record {header.stem} has another checksum in lead {lead} than its header states",
        where=file,
        remedy="Copy the record again",
    )


def _signal(match: re.Match[str]) -> Signal:
    checksum = match["checksum"] if is_stated(match["checksum"], match["first"]) else None
    baseline = match["baseline"] if match["baseline"] is not None else match["zero"]
    return Signal(
        match["file"],
        match["format"],
        int(match["frame"] or 1),
        int(match["skew"] or 0),
        float(match["gain"] or 0),
        int(baseline or 0),
        match["unit"] or "mV",
        None if checksum is None else int(checksum),
        match["lead"] or "",
    )


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _is_positive(number: str) -> bool:
    try:
        return 0 < float(number) < float("inf")
    except ValueError:
        return False


def _in_folder(names: list[str], path: Path) -> None:
    if any("/" in name or "\\" in name for name in names):
        raise _damaged(path, "its header names a signal file in another folder")


def _damaged(path: Path, what: str) -> RecordError:
    return RecordError(
        f"ECG of record {path.stem} cannot be read: {what}",
        where=path,
        remedy="The file is truncated or damaged: copy it again",
    )
