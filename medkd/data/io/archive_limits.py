"""How large a packed file may become.

One of a few bytes that claims gigabytes is refused before it fills memory or disk.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from medkd.errors import InputError

ALWAYS = 1 << 28
"""Bytes that anything may unpack to."""
RATIO = 200
"""Published tables shrink to a tenth, rarely to a hundredth."""
_MOST = 1_032
"""Times that deflate can shrink anything."""
_LOOKED_AT = 1 << 16
"""Bytes of a gzip file that are unpacked to see how it was packed."""


def refuse_bomb(name: str, packed: int, unpacked: int, where: object) -> None:
    """Refuse what unpacks to more than ``ALWAYS`` bytes and more than ``RATIO`` times its size.

    Args:
        name: of the file.
        packed, unpacked: bytes; of a stream, those read so far.
        where: for the message.

    Raises:
        InputError: it does.

    >>> refuse_bomb("table.csv.gz", 1_000, 1_000_000, "DIR")
    >>> refuse_bomb("table.csv.gz", 1_000_000, 1_000_000_000, "DIR")
    Traceback (most recent call last):
    medkd.errors.InputError: table.csv.gz unpacks to 1000 times its size, which no published file does (DIR). Get the
    published file.
    """
    if unpacked > max(ALWAYS, RATIO * packed):
        raise InputError(
            f"{name} unpacks to {unpacked // max(packed, 1)} times its size, which no published file does",
            where=where,
            remedy="Get the published file",
        )


def refuse_gzip_bomb(path: Path) -> None:
    """Refuse a gzip file whose beginning is packed as tightly as no table is.

    One that is damaged is left to its reader.

    Raises:
        InputError: it would unpack to more than ``ALWAYS`` bytes if it goes on like that.
    """
    size = path.stat().st_size
    if size * _MOST <= ALWAYS:
        return
    with path.open("rb") as packed:
        beginning = packed.read(_LOOKED_AT)
    try:
        unpacked = len(zlib.decompressobj(wbits=31).decompress(beginning))
    except zlib.error:
        return
    refuse_bomb(path.name, size, unpacked * size // len(beginning), path.parent)
