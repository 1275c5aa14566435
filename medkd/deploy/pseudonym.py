"""Identifiers never reach a log: a keyed hash stands in their place."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from medkd.deploy.private import writing_private

KEY_VARIABLE = "MEDKD_HASH_KEY"
KEY_FILE = ".hash_key"


@dataclass(frozen=True)
class Pseudonyms:
    """Names to keyed hashes; who holds the key can find a name again, nobody else can guess one.

    Args:
        key: secret bytes.

    >>> Pseudonyms(b"secret").of("patient-17")
    'id:dd6fb266b9'
    """

    key: bytes

    @classmethod
    def of_folder(cls, folder: Path) -> Pseudonyms:
        """With the key in ``MEDKD_HASH_KEY``, else with the folder's own, drawn at its first use and kept (mode 0600)."""
        if secret := os.environ.get(KEY_VARIABLE):
            return cls(secret.encode())
        path = folder / KEY_FILE
        if not path.exists():
            with writing_private(path) as temporary:
                temporary.write_text(secrets.token_hex(32))
        return cls(path.read_bytes())

    def of(self, name: str) -> str:
        """The hash of one name, 40 bits."""
        return "id:" + hmac.new(self.key, name.encode(), hashlib.sha256).hexdigest()[:10]

    def hide(self, text: str, names: Iterable[str]) -> str:
        """``text`` with each of ``names``, as a whole word, replaced by its hash; the longest first."""
        for name in sorted(set(filter(None, names)), key=len, reverse=True):
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", self.of(name), text)
        return text
