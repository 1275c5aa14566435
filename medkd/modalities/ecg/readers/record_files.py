"""Files that ECG records consist of: a file by itself, or a WFDB header with the files and segments that it names."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from pathlib import Path

from medkd.modalities.ecg.readers.recording_file import READERS


def files_of_recordings(records: Collection[str], files: Collection[str], folder: Path) -> set[str]:
    """Those of ``files`` that the records are read from.

    Args:
        records: paths as ``find_recordings`` returns them.
        files: every file below ``folder``, as POSIX paths relative to it.
        folder: that was searched.
    """
    known = set(files)
    read: set[str] = set()
    for record in records:
        whole = (
            record if record in known else next((f"{record}{end}" for end in READERS if f"{record}{end}" in known), "")
        )
        waiting = [whole] if whole else []
        while waiting:
            file = waiting.pop()
            if file in known and file not in read:
                read.add(file)
                if file.lower().endswith(".hea"):
                    waiting += (posixpath.join(posixpath.dirname(file), name) for name in _named(folder / file))
    return read


def _named(header: Path) -> Iterator[str]:
    """Names of the signal files of a header, or of the headers of its segments."""
    try:
        text = header.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    has_segments = bool(lines) and "/" in lines[0][0]
    for words in lines[1:]:
        yield f"{words[0]}.hea" if has_segments else words[0]
