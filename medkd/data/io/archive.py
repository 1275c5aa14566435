"""Files inside a folder, a .zip or a .tar.gz, read in place: nothing is unpacked into the user's folder.

An archive of a few bytes that claims gigabytes is refused before it fills memory or disk.
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from medkd.errors import InputError

ALWAYS = 1 << 28
"""Bytes that any file may unpack to."""
RATIO = 200
"""Published tables shrink to a tenth, rarely to a hundredth."""
_MOST = 1_032
"""Largest ratio of deflate."""
_PROBED = 1 << 16
"""Bytes of a gzip file that are unpacked to see how it was packed."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES)


def open_members(path: Path, suffix: str | tuple[str, ...] = "") -> Iterator[tuple[str, IO[bytes]]]:
    """Every file of a folder or an archive, in its order there (in a folder by name), in one pass.

    A stream is valid until the next one is requested.

    Args:
        path: folder or archive.
        suffix: that names end with, in lower case.

    Raises:
        InputError: the archive is truncated or damaged, or a member's name climbs out of it.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and file.name.lower().endswith(suffix):
                with file.open("rb") as handle:
                    yield file.relative_to(path).as_posix(), handle
        return
    with _damage_reported(path):
        yield from _of_zip(path, suffix) if path.name.lower().endswith(".zip") else _of_tar(path, suffix)


def read_members(path: Path, suffix: str | tuple[str, ...] = "") -> Iterator[tuple[str, bytes]]:
    """As ``open_members``, with the content of each file."""
    for name, handle in open_members(path, suffix):
        with nullcontext() if path.is_dir() else _damage_reported(path):
            content = handle.read()
        yield name, content


def _of_zip(path: Path, suffix: str | tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        unpacked = 0
        for member in archive.infolist():
            _refuse_climbing(member.filename, path)
            # A member never yields more than its directory entry states; members may overlap, so all count together.
            unpacked += member.file_size
            refuse_bomb(path.name, path.stat().st_size, unpacked, path.parent)
            if not member.is_dir() and member.filename.lower().endswith(suffix):
                with archive.open(member) as handle:
                    yield member.filename, handle


def _of_tar(path: Path, suffix: str | tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    # gzip's own reader, since that of tarfile takes a stream that ends between two members for a whole one; "|" reads
    # forwards only.
    opener = path.open if path.name.lower().endswith(".tar") else partial(gzip.open, path)
    with opener("rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        unpacked = 0
        for member in archive:
            _refuse_climbing(member.name, path)
            unpacked += member.size
            refuse_bomb(path.name, path.stat().st_size, unpacked, path.parent)
            if member.isfile() and member.name.lower().endswith(suffix):
                handle = archive.extractfile(member)
                if handle is not None:
                    yield member.name, handle
        while stream.read(1 << 20):
            pass


def _refuse_climbing(name: str, path: Path) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts:
        raise InputError(
            f"{path.name} holds '{name}', which climbs out of its folder",
            where=path.parent,
            remedy="Get the published archive",
        )


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path.name} is truncated or damaged", where=path.parent, remedy="Copy the published archive again"
        ) from error


def refuse_bomb(name: str, packed: int, unpacked: int, where: object) -> None:
    """Refuse a file that unpacks to more than ``ALWAYS`` bytes and more than ``RATIO`` times its size.

    Args:
        name: of the file.
        packed, unpacked: bytes; of a stream, those read so far.
        where: for the message.

    Raises:
        InputError: it does.

    >>> refuse_bomb("t.gz", 1_000, 1_000_000, "DIR")
    >>> refuse_bomb("t.gz", 1_000_000, 1_000_000_000, "DIR")  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    medkd.errors.InputError: t.gz unpacks to 1000 times its size, which no published file does (DIR).
    Get the published file.
    """
    if unpacked > max(ALWAYS, RATIO * packed):
        raise InputError(
            f"{name} unpacks to {unpacked // max(packed, 1)} times its size, which no published file does",
            where=where,
            remedy="Get the published file",
        )


def refuse_gzip_bomb(path: Path) -> None:
    """Refuse a gzip file whose beginning is packed more tightly than any table.

    A damaged one is left to its reader.

    Raises:
        InputError: at that ratio it would unpack to more than ``ALWAYS`` bytes.
    """
    size = path.stat().st_size
    if size * _MOST <= ALWAYS:
        return
    with path.open("rb") as packed:
        beginning = packed.read(_PROBED)
    try:
        unpacked = len(zlib.decompressobj(wbits=31).decompress(beginning))
    except zlib.error:
        return
    refuse_bomb(path.name, size, unpacked * size // len(beginning), path.parent)
