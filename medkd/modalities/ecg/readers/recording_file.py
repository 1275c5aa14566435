"""Recordings from files of any format, by suffix, and the recordings in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.aecg import read_aecg
from medkd.modalities.ecg.readers.dicom import read_dicom
from medkd.modalities.ecg.readers.wfdb_record import read_wfdb
from medkd.modalities.ecg.recording import Recording

READERS: dict[str, Callable[[Path], Recording]] = {".hea": read_wfdb, ".dcm": read_dicom, ".xml": read_aecg}
_SIGNALS = (".dat", ".mat")


def read_recording(path: Path) -> Recording:
    """Read an ECG file; a WFDB record by its name without suffix, its ``.hea``, ``.dat`` or ``.mat``.

    Raises:
        RecordError: there is no such file, or it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in READERS:
        if not path.is_file():
            raise _missing(path)
        return READERS[suffix](path)
    if suffix in _SIGNALS:
        return read_recording(path.with_suffix(".hea"))
    for ending, reader in READERS.items():
        whole = path.with_name(path.name + ending)
        if whole.is_file():
            return reader(whole)
    raise _missing(path)


def find_recordings(folder: Path) -> list[str]:
    """Paths of all ECG records below ``folder``, POSIX and relative to it, sorted, without suffix.

    Of two files that differ in the suffix alone, the second has it.
    """
    records: set[str] = set()
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for ending in READERS:
            for name in sorted(files):
                if name.lower().endswith(ending) and not name.startswith("."):
                    path = Path(parent, name).relative_to(folder)
                    bare = path.with_suffix("").as_posix()
                    # A suffix in capitals must stay, since the bare name is completed in small letters.
                    records.add(path.as_posix() if bare in records or path.suffix != ending else bare)
    return sorted(records)


def _missing(path: Path) -> RecordError:
    return RecordError(
        f"ECG of record {path.name} is missing",
        where=path,
        remedy="Give a WFDB record (.hea with .dat or .mat), DICOM waveform (.dcm) or HL7 aECG (.xml)",
    )
