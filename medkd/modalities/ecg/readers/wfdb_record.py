"""WFDB records: a ``.hea`` header beside ``.dat`` or ``.mat`` signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.format16 import read_format16
from medkd.modalities.ecg.recording import Recording, millivolts, standard_names


def read_wfdb(header: Path) -> Recording:
    """A WFDB record by its header file, directly where it is plain format 16, else through the wfdb package.

    Raises:
        RecordError: header or signals are missing, truncated or damaged, or there is no sampling rate.
    """
    text = header.read_text(encoding="utf-8", errors="replace")
    _require_rate(text, header)
    return read_format16(header, text) or read_with_package(header)


def read_with_package(header: Path) -> Recording:
    """A WFDB record of any kind, through the wfdb package.

    Raises:
        RecordError: the package cannot read it.
    """
    import wfdb  # here, because its import takes longer than reading a thousand plain records

    try:
        record = wfdb.rdrecord(str(header.with_suffix("")))
    except FileNotFoundError as error:
        raise RecordError(
            f"ECG of record {header.stem} lacks its signal file {Path(str(error.filename)).name}",
            where=header,
            remedy="Copy it beside",
        ) from error
    except Exception as error:  # a damaged file can fail anywhere inside the package
        what = f"ECG of record {header.stem} cannot be read: {_reason(header, error)}"
        raise RecordError(what, where=header, remedy="The file is truncated or damaged: copy it again") from error
    if record.p_signal is None or not record.sig_len:
        raise RecordError(f"ECG of record {header.stem} holds no samples", where=header, remedy="Copy the record again")
    values = np.ascontiguousarray(record.p_signal.T, dtype=np.float64)
    scale = np.array([millivolts(unit, header.stem) for unit in record.units])
    if (scale != 1.0).any():
        values *= scale[:, None]
    return Recording(values, standard_names(record.sig_name), float(record.fs), header.stem)


def _reason(header: Path, error: Exception) -> str:
    """Reason why the package failed: from the record's sizes where they show it, else the package's own message."""
    lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    head, *signals = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    stated = int(head[1]) if len(head) > 1 and head[1].isdecimal() else 0
    if len(signals) < stated or any(len(words) < 2 for words in signals):
        described = sum(len(words) > 8 for words in signals)
        return f"its header is cut short; it states {stated} leads and describes {described}"
    if any("/" in words[0] or "\\" in words[0] for words in signals):
        return "its header names a signal file in another folder"
    file = header.with_name(signals[0][0]) if signals else header
    plain = all(words[:2] == [file.name, "16"] for words in signals)
    if plain and len(head) > 3 and head[3].isdecimal() and file.is_file():
        size, expected = file.stat().st_size, 2 * stated * int(head[3])
        if size != expected:
            return f"{file.name} holds {size:,} bytes where the header states {expected:,}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error).strip().split("\n")[0] or type(error).__name__


def _require_rate(text: str, header: Path) -> None:
    """Refuse a header without a sampling rate: WFDB's default of 250 Hz would be a guess."""
    if not text.strip() or "\0" in text:
        what = "is empty" if not text.strip() else "is not text"
        raise RecordError(f"header of ECG {header.stem} {what}", where=header, remedy="Copy the record again")
    first = next((line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")), "").split()
    rate = first[2].split("/")[0].split("(")[0] if len(first) > 2 else ""
    try:
        known = float(rate) > 0
    except ValueError:
        known = False
    if not known:
        raise RecordError(
            f"ECG of record {header.stem} states no sampling rate",
            where=header,
            remedy="Write it as the third word of the header's first line, e.g. 'NAME 12 100 1000'",
        )
