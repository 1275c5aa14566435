"""How far the audit log went, kept beside the database, so that a cut tail shows."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medkd.data.io.private import writing_private

BEGINNING = "0" * 64
"""What stands for the seal before the first row."""


@dataclass(frozen=True)
class Head:
    """The last row that was known to be written.

    Args:
        number: of the row.
        mac: of the row.
    """

    number: int
    mac: str


class AuditHead:
    """The head's file; it only ever goes forward, and is sealed with the log's key.

    Args:
        path: of the file.
        key: of the log.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self.key = key

    def advance(self, number: int, mac: str) -> None:
        """Row ``number`` was committed. Of several processes that say so at once the furthest counts."""
        with alone(self.path):
            held = self.read()
            # A head that is missing or was changed stays so: to write a new one would hide what happened to the old
            # one.
            if held and held.number < number:
                self._write(number, mac)

    def begin(self) -> None:
        """Make the head of a log that has no rows yet, if it is not there."""
        with alone(self.path):
            if not self.path.exists():
                self._write(0, BEGINNING)

    def read(self) -> Head | None:
        """The head; None if there is none, or it is not one of ours."""
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            number, mac, seal = int(held["number"]), str(held["mac"]), str(held["seal"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Head(number, mac) if hmac.compare_digest(seal.encode(), self._seal(number, mac).encode()) else None

    def _seal(self, number: int, mac: str) -> str:
        return hmac.new(self.key, f"head:{number}:{mac}".encode(), hashlib.sha256).hexdigest()

    def _write(self, number: int, mac: str) -> None:
        with writing_private(self.path) as temporary:
            temporary.write_text(
                json.dumps({"number": number, "mac": mac, "seal": self._seal(number, mac)}) + "\n", encoding="utf-8"
            )


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other process is in such a block for the same file."""
    handle = os.open(path.with_name(f".{path.name.lstrip('.')}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
