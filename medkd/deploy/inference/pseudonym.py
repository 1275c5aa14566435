"""Pseudonyms: keyed hashes in place of identifiers, which never reach a log."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from medkd.data.io.private import write_once

KEY_VARIABLE = "MEDKD_HASH_KEY"
KEY_FILE = ".hash_key"


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed hashes of names: with the key a name can be found again, without it nobody can guess one.

    Args:
        key: secret bytes.

    >>> Pseudonyms(b"secret").hash("patient-17")
    'id:dd6fb266b9'
    """

    key: bytes

    @classmethod
    def for_folder(cls, folder: Path) -> Pseudonyms:
        """With the key in ``MEDKD_HASH_KEY``, else the folder's own, drawn at its first use and kept (mode 0600)."""
        if secret := os.environ.get(KEY_VARIABLE):
            return cls(secret.encode())
        path = folder / KEY_FILE
        write_once(path, secrets.token_hex(32))
        return cls(path.read_bytes())

    def hash(self, name: str) -> str:
        """``id:`` and 40 bits of the name's keyed hash, in hex."""
        return "id:" + hmac.new(self.key, name.encode(), hashlib.sha256).hexdigest()[:10]

    def redact(self, text: str, names: Iterable[str]) -> str:
        """``text`` with each of ``names``, as a whole word, replaced by its hash; the longest first."""
        for name in sorted(set(filter(None, names)), key=len, reverse=True):
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", self.hash(name), text)
        return text


def identifiers_in(row: Mapping[str, Any]) -> set[str]:
    """Everything in an item's row that may name a person: ids, paths, and the parts of those.

    >>> sorted(identifiers_in({"sample_id": "ward/17", "subject_id": None, "ecg": "ward/17.hea"}))
    ['17', '17.hea', 'ward', 'ward/17', 'ward/17.hea']
    """
    names: set[str] = set()
    for value in row.values():
        if isinstance(value, str):
            path = PurePosixPath(value)
            names |= {value, *path.parts, *(PurePosixPath(part).stem for part in path.parts)}
    return names - {"/", "."}
