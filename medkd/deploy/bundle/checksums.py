"""Checksums of a bundle, ``SHA256SUMS``: the digest of every file, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from medkd.data.io.digest import digest_file
from medkd.errors import InputError

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
"""Signature of the sums, which therefore cannot list it; not every bundle has one."""
CHECKOUT = (".git", ".gitattributes", ".cache")
"""Entries that a copy from a model hub or a repository brings along: nothing reads them."""
_UNLISTED = (SUMS, SIGNATURE, *CHECKOUT)
_HEADER = "# schema_version: 1"
_LINE = re.compile(r"^([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*)$")


def write_sums(folder: Path) -> None:
    """Write the digests of all files of ``folder`` beside them."""
    lines = [f"{digest_file(path)}  {path.name}" for path in sorted(folder.iterdir()) if path.name not in _UNLISTED]
    (folder / SUMS).write_text("\n".join([_HEADER, *lines]) + "\n", encoding="utf-8")


def read_checked(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of ``folder``, each read once and equal to its digest.

    ``SHA256SUMS`` itself and its signature among them.

    Raises:
        InputError: the folder has no sums, or a file is missing, changed or extra.
    """
    if not folder.is_dir():
        raise InputError(f"no such bundle: {folder}", remedy="Give the folder that medkd distill wrote")
    if not (folder / SUMS).is_file():
        raise InputError(
            f"{folder} is not a bundle: it holds no {SUMS}", remedy="Give the folder that medkd distill wrote"
        )
    sums = (folder / SUMS).read_bytes()
    expected = _parse(sums, folder)
    for path in sorted(folder.iterdir()):
        if path.name not in expected and path.name not in _UNLISTED:
            raise InputError(
                f"extra file '{path.name}'", where=f"bundle {folder}", remedy=f"Remove it: {SUMS} does not list it"
            )
    files = {SUMS: sums}
    if (folder / SIGNATURE).is_file():
        files[SIGNATURE] = (folder / SIGNATURE).read_bytes()
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise InputError(
                f"file '{name}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
            )
        files[name] = path.read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise InputError(
                f"file '{name}' was changed", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
            )
    return files


def _parse(sums: bytes, folder: Path) -> dict[str, str]:
    lines = sums.decode("utf-8", errors="replace").splitlines()
    entries = [_LINE.match(line) for line in lines[1:]]
    names = [match[2] for match in entries if match]
    if (
        not lines
        or lines[0] != _HEADER
        or None in entries
        or len(set(names)) < len(entries)
        or not names
        or not sums.endswith(b"\n")
    ):
        raise InputError(
            f"file '{SUMS}' was changed", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
        )
    return {match[2]: match[1] for match in entries if match}
