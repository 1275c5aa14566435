"""Audit log: rows that are only ever added, each sealed by HMAC together with the row before it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import select
from sqlalchemy.orm import Session

from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, AuditRow
from medkd.data.io.private import writing_private

HEAD_FILE, KEY_FILE = "audit.head", ".audit_key"
KEY_VARIABLE = "MEDKD_AUDIT_KEY"
GENESIS_MAC = "0" * 64
"""The seal that the first row follows."""
_PAGE = 2000


class AuditLog:
    r"""A log in which a changed, removed, moved or inserted row is detected, unless it was made with the key.

    Row n holds :math:`m_n = \mathrm{HMAC}_k(m_{n-1} \,\|\, \mathrm{JSON}_n)`, HMAC-SHA256 over the row in canonical
    JSON. The database refuses to change or delete a row; ``verify`` shows it where someone got round that. A cut tail
    is shown by the head, a file beside the database that holds the newest row's number.

    Args:
        key: secret bytes; see ``audit_key``.
        head: None where nothing is kept beside the database; a cut tail is then not detected.
    """

    def __init__(self, database: Database, key: bytes, head: AuditHead | None = None) -> None:
        self.database = database
        self.key = key
        self.head = head

    def append(self, actor: str, action: str, **details: Any) -> int:
        """Add a row in a transaction of its own.

        Args:
            actor: account's name.
            action: such as "case opened".
            details: JSON values; patients by pseudonym only.

        Returns:
            The row's number, from 1.
        """
        with self.database.session() as session:
            return self.add(session, actor, action, **details)

    def add(self, session: Session, actor: str, action: str, **details: Any) -> int:
        """Add a row to an open transaction, so that an act and its row are written together or not at all.

        It must be the transaction's last statement.
        """
        self.database.advisory_lock(session, "audit")
        last = session.execute(
            select(AuditRow.number, AuditRow.mac).order_by(AuditRow.number.desc()).limit(1)
        ).one_or_none()
        number, previous_mac = (last.number + 1, last.mac) if last else (1, GENESIS_MAC)
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        row = AuditRow(number=number, at=at, actor=actor, action=action, details=_canonical(details), mac="")
        row.mac = self._seal(previous_mac, row)
        session.add(row)
        session.flush()
        if self.head:
            head, mac = self.head, row.mac
            self.database.after_commit(session, lambda: head.advance(number, mac))
        return number

    def rows(self) -> Iterator[AuditRow]:
        """Every row, oldest first, read in pages."""
        page: Sequence[AuditRow] = ()
        while True:
            query = select(AuditRow).order_by(AuditRow.number).limit(_PAGE)
            with self.database.read_session() as session:
                page = session.scalars(query.where(AuditRow.number > page[-1].number) if page else query).all()
            if not page:
                return
            yield from page

    def last(self) -> AuditRow | None:
        """The newest row."""
        with self.database.read_session() as session:
            return session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).one_or_none()

    def verify(self) -> list[str]:
        """Check every seal, from the first row to the head.

        Returns:
            What is wrong: the first row that does not follow from the one before it, or that the end is missing. Empty
            when the log is whole.
        """
        # Read before the rows: what is added meanwhile is beyond it.
        head = self.head.read() if self.head else None
        number, previous_mac = 0, GENESIS_MAC
        mac_at_head = GENESIS_MAC if head and head.number == 0 else ""
        for row in self.rows():
            if row.number < 1:
                return [f"row {row.number} ({row.at}, {row.action}) was added before the first one"]
            if row.number != number + 1:
                return [f"row {number + 1} is missing; the next one is row {row.number} ({row.at}, {row.action})"]
            if not hmac.compare_digest(row.mac.encode(), self._seal(previous_mac, row).encode()):
                return [f"row {row.number} ({row.at}, {row.action}) was changed, moved or added"]
            number, previous_mac = row.number, row.mac
            if head and number == head.number:
                mac_at_head = row.mac
        if self.head and not head:
            return [f"the head {self.head.path.name} is missing or was changed: whether the end was cut cannot be told"]
        if head and number < head.number:
            return [f"the log ends with row {number}, but had {head.number} rows: its end was cut"]
        return [f"row {head.number} is not the one that the head names"] if head and mac_at_head != head.mac else []

    def _seal(self, previous_mac: str, row: AuditRow) -> str:
        content = {"number": row.number, "at": row.at, "actor": row.actor, "action": row.action, "details": row.details}
        return hmac.new(self.key, f"{previous_mac}{_canonical(content)}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class HeadRow:
    """Number and seal of the newest row that was known to be committed."""

    number: int
    mac: str


class AuditHead:
    """The head's file; its number only grows, and it is sealed with the log's key."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self.key = key

    def advance(self, number: int, mac: str) -> None:
        """Record that row ``number`` was committed. Where several processes do so at once the highest number stays."""
        with _file_lock(self.path):
            head = self.read()
            # A head that is missing or was changed stays so: to write a new one would hide what happened to the old
            # one.
            if head and head.number < number:
                self._write(number, mac)

    def begin(self) -> None:
        """Make the head of a log that has no rows yet, if it is missing."""
        with _file_lock(self.path):
            if not self.path.exists():
                self._write(0, GENESIS_MAC)

    def read(self) -> HeadRow | None:
        """The head; None if the file is missing, damaged, or sealed with another key."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            number, mac, seal = int(document["number"]), str(document["mac"]), str(document["seal"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return HeadRow(number, mac) if hmac.compare_digest(seal.encode(), self._seal(number, mac).encode()) else None

    def _seal(self, number: int, mac: str) -> str:
        return hmac.new(self.key, f"head:{number}:{mac}".encode(), hashlib.sha256).hexdigest()

    def _write(self, number: int, mac: str) -> None:
        with writing_private(self.path) as temporary:
            temporary.write_text(
                json.dumps({"number": number, "mac": mac, "seal": self._seal(number, mac)}) + "\n", encoding="utf-8"
            )


def audit_key(data: Path) -> bytes:
    """The key in ``MEDKD_AUDIT_KEY``, else the folder's own, drawn at its first use and kept with mode 0600.

    A key beside the log reveals edits by those who reach the database but cannot read the folder; a key that is kept
    elsewhere reveals edits by anyone.
    """
    if secret := os.environ.get(KEY_VARIABLE):
        return secret.encode()
    path = data / KEY_FILE
    with _file_lock(path):
        if not path.exists():
            with writing_private(path) as temporary:
                temporary.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_bytes()


def open_audit_log(database: Database, data: Path) -> AuditLog:
    """The audit log of a viewer's folder, with the key and the head that are kept there."""
    key = audit_key(data)
    audit = AuditLog(database, key, AuditHead(data / HEAD_FILE, key))
    with database.read_session() as session:
        # A log without rows beside accounts was emptied: it gets no new head that would say otherwise.
        is_new = session.scalar(select(AccountRow.name).limit(1)) is None
    if is_new and audit.head and audit.last() is None:
        audit.head.begin()
    return audit


def _file_lock(path: Path) -> FileLock:
    """A lock between processes on one file of the viewer's folder."""
    # Each commit takes it for about a millisecond: the library's usual 50 ms between two tries would be most of a wait.
    return FileLock(path.with_name(f".{path.name.lstrip('.')}.lock"), mode=0o600, poll_interval=0.002)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
