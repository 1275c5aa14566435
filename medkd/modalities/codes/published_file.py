"""Published reference files, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from medkd.data.io.archive import ALWAYS, RATIO, refuse_bomb
from medkd.errors import InputError

_GZIP = b"\x1f\x8b"


def published_bytes(path: Path) -> bytes:
    """Content of a file, unzipped if it is gzipped.

    Raises:
        InputError: the file is missing, or its gzip stream is cut off or damaged, or unpacks to far more than any
            published file.
    """
    try:
        content = Path(path).read_bytes()
        if not content.startswith(_GZIP):
            return content
        with gzip.open(path) as stream:
            unpacked = stream.read(max(ALWAYS, RATIO * len(content)) + 1)
        refuse_bomb(Path(path).name, len(content), len(unpacked), path)
        return unpacked
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            f"no such file: {Path(path).name}", where=path, remedy="Give the path of the published file"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{Path(path).name} cannot be read: {error}", where=path, remedy="Fetch the file again"
        ) from error


def published_text(path: Path) -> str:
    """Content of a file as text.

    Raises:
        InputError: as ``published_bytes``, or it is not text in UTF-8.
    """
    try:
        return published_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{Path(path).name} is not text in UTF-8", where=path, remedy="Fetch the file again"
        ) from error
