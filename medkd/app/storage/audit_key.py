"""The secret that seals the audit log."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from medkd.app.storage.audit_head import alone
from medkd.data.io.private import writing_private

KEY_FILE, KEY_VARIABLE = ".audit_key", "MEDKD_AUDIT_KEY"


def audit_key(data: Path) -> bytes:
    """The key in ``MEDKD_AUDIT_KEY``, else the folder's own, drawn at its first use and kept with mode 0600.

    A key that lies beside the log shows edits by those who reach the database but cannot read the folder; kept
    elsewhere, edits by anyone.
    """
    if secret := os.environ.get(KEY_VARIABLE):
        return secret.encode()
    path = data / KEY_FILE
    with alone(path):
        if not path.exists():
            with writing_private(path) as temporary:
                temporary.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_bytes()
