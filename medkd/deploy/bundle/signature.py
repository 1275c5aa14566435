"""Signature of a bundle: Ed25519 over ``SHA256SUMS``, which names every other file by its digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.data.io.atomic import write_text, writing_folder
from medkd.deploy.bundle.checksums import SIGNATURE, SUMS, read_checked
from medkd.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE, PUBLIC = "private.pem", "public.pem"
PASSPHRASE = "MEDKD_KEY_PASSPHRASE"  # noqa: S105 (the name of a variable)
_HEADER = "# schema_version: 1"
_LINE = re.compile(r"ed25519 key=([0-9a-f]{64})")


def make_keys(out: Path) -> str:
    """Draw a pair of keys.

    ``private.pem`` (mode 0600; encrypted where ``MEDKD_KEY_PASSPHRASE`` is set) and ``public.pem``.

    Args:
        out: a new or empty folder.

    Returns:
        the fingerprint of the public key.

    Raises:
        InputError: the folder holds something.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} holds something", where="--out", remedy="Give a new folder: a key that was used is not written over"
        )
    private = Ed25519PrivateKey.generate()
    phrase = _passphrase()
    locked = serialization.BestAvailableEncryption(phrase) if phrase else serialization.NoEncryption()
    with writing_folder(out) as folder:
        handle = os.open(folder / PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / PUBLIC).write_bytes(public)
    return fingerprint(private.public_key())


def sign(bundle: Path, key: Path) -> str:
    """Write ``SHA256SUMS.sig`` beside the sums of a whole bundle; an older signature is replaced.

    Args:
        bundle: its folder.
        key: a private key (PEM).

    Returns:
        the fingerprint of the public key.

    Raises:
        InputError: the bundle is damaged, or the key cannot be read.
    """
    private = _private(key)
    signature = base64.b64encode(private.sign(read_checked(bundle)[SUMS])).decode()
    mark = fingerprint(private.public_key())
    write_text(bundle / SIGNATURE, f"{_HEADER}\ned25519 key={mark}\n{signature}\n")
    return mark


def check_signature(files: Mapping[str, bytes], key: Path, where: object) -> str:
    """Refuse a bundle whose sums were not signed with a key.

    Args:
        files: from ``read_checked``, so that the bytes that were checked are those that will be read.
        key: the public key (PEM).
        where: the bundle, for messages.

    Returns:
        the fingerprint of the key.

    Raises:
        InputError: they are not signed, or by another key, or the signature is not theirs, or the key cannot be read.
    """
    from cryptography.exceptions import InvalidSignature

    public = _public(key)
    mine = fingerprint(public)
    if SIGNATURE not in files:
        raise InputError(
            "it is not signed", where=where, remedy=f"It must be signed with the key {mine[:16]}; ask its maker"
        )
    mark, signature = _read(files[SIGNATURE], where)
    try:
        public.verify(signature, files[SUMS])
    except InvalidSignature as error:
        what = "its signature does not belong to it" if mark == mine else f"it is signed with another key, {mark[:16]}"
        raise InputError(
            what, where=where, remedy=f"It must be signed with the key {mine[:16]}; ask its maker"
        ) from error
    return mine


def fingerprint(public: Ed25519PublicKey) -> str:
    """SHA-256 of a public key's 32 bytes, in hex."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


def _read(content: bytes, where: object) -> tuple[str, bytes]:
    lines = content.decode("utf-8", errors="replace").splitlines()
    key_line = _LINE.fullmatch(lines[1]) if len(lines) == 3 and lines[0] == _HEADER else None
    try:
        if key_line is None:
            raise ValueError
        return key_line[1], base64.b64decode(lines[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise InputError(f"{SIGNATURE} cannot be read", where=where, remedy="Sign the bundle again") from error


def _private(key: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(_content(key), _passphrase())
    except TypeError as error:
        what = "it is encrypted" if _passphrase() is None else "it is not encrypted"
        remedy = f"Set {PASSPHRASE} to its passphrase" if _passphrase() is None else f"Unset {PASSPHRASE}"
        raise InputError(what, where=key, remedy=remedy) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            "it holds no private key that can be read", where=key, remedy="Make one: medkd bundle key --out DIR"
        ) from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise InputError(
            "the key is of another kind than Ed25519", where=key, remedy="Make one: medkd bundle key --out DIR"
        )
    return loaded


def _public(key: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        loaded = load_pem_public_key(_content(key))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            "it holds no public key that can be read",
            where=key,
            remedy=f"Give the {PUBLIC} that belongs to the signer's key",
        ) from error
    if not isinstance(loaded, Ed25519PublicKey):
        raise InputError(
            "the key is of another kind than Ed25519",
            where=key,
            remedy=f"Give the {PUBLIC} that belongs to the signer's key",
        )
    return loaded


def _content(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=key, remedy="Give a PEM file") from error


def _passphrase() -> bytes | None:
    passphrase = os.environ.get(PASSPHRASE)
    return passphrase.encode() if passphrase else None
