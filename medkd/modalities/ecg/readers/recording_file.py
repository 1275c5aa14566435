"""Recordings from files of any format, and the recordings in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.dicom import read_dicom
from medkd.modalities.ecg.readers.wfdb_header import segments_of
from medkd.modalities.ecg.readers.wfdb_record import read_wfdb
from medkd.modalities.ecg.readers.xml_file import read_xml
from medkd.modalities.ecg.recording import Recording

READERS: dict[str, Callable[[Path], Recording]] = {
    ".hea": read_wfdb,
    ".dcm": read_dicom,
    ".dicom": read_dicom,
    ".xml": read_xml,
}
_SIGNALS = (".dat", ".mat")
_NEVER_DICOM = {*_SIGNALS, ".csv", ".txt", ".json", ".md", ".html", ".pdf", ".png", ".jpg", ".parquet", ".gz", ".zip"}
"""Suffixes of files that are not opened to look for DICOM's mark."""
_REMEDY = (
    "Give a WFDB record (.hea with .dat or .mat), DICOM waveform (.dcm) or XML (HL7 aECG, GE MUSE, Philips Sierra)"
)


def read_recording(path: Path) -> Recording:
    """Read an ECG file; a WFDB record by its name without suffix, its ``.hea``, ``.dat`` or ``.mat``.

    A file of exactly that name goes first, DICOM by its mark where the suffix does not tell.

    Raises:
        RecordError: there is no such file, several could be meant, or it cannot be read.
    """
    suffix = path.suffix.lower()
    if path.is_file() and suffix not in _SIGNALS:
        if suffix in READERS:
            return READERS[suffix](path)
        if has_dicom_mark(path):
            return read_dicom(path)
        raise RecordError(f"{path.name} is not an ECG in a format that is read", where=path, remedy=_REMEDY)
    whole = [path.with_name(path.name + ending) for ending in READERS]
    if suffix in _SIGNALS:
        whole.append(path.with_suffix(".hea"))
    whole = [file for file in whole if file.is_file()]
    if len(whole) > 1:
        raise RecordError(
            f"ECG of record {path.name} could be {' or '.join(file.name for file in whole)}",
            where=path,
            remedy="Name it with its suffix",
        )
    if not whole:
        raise RecordError(f"ECG of record {path.name} is missing", where=path, remedy=_REMEDY)
    return READERS[whole[0].suffix](whole[0])


def find_recordings(folder: Path) -> list[str]:
    """Paths of all ECG files below ``folder``, POSIX and relative to it, sorted; ``read_recording`` reads just those.

    Without suffix where the bare name can mean no other file. Segments of a WFDB record are parts of it, not records.
    """
    records: set[str] = set()
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        headers = [path for path in paths if path.suffix.lower() == ".hea"]
        segments = {f"{name}.hea" for header in headers for name in segments_of(header)}
        names = set(files)
        for path in paths:
            if _is_record(path) and path.name not in segments:
                record = path.with_suffix("") if _is_alone(path, names) else path
                records.add(record.relative_to(folder).as_posix())
    return sorted(records)


def _is_alone(path: Path, names: set[str]) -> bool:
    """Whether ``read_recording`` takes the name without suffix for this file of all the ``names`` in its folder."""
    bare = path.with_suffix("")
    if path.suffix not in READERS or bare.name in names or bare.suffix.lower() in (*READERS, *_SIGNALS):
        return False
    return [ending for ending in READERS if bare.name + ending in names] == [path.suffix]


def has_dicom_mark(path: Path) -> bool:
    """Whether a file has DICOM's preamble; media and archives leave the suffix out."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _is_record(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in READERS:
        return True
    # A directory of a medium lists the others, and holds no recording.
    return suffix not in _NEVER_DICOM and path.name.upper() != "DICOMDIR" and path.is_file() and has_dicom_mark(path)
