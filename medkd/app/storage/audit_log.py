"""Who did what and when: rows that are only ever added, each sealed together with the one before it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from medkd.app.storage.audit_head import BEGINNING, AuditHead
from medkd.app.storage.audit_key import audit_key
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, AuditRow

HEAD_FILE = "audit.head"
_PAGE = 2000


class Audit:
    r"""A log whose rows cannot be changed, removed, moved or added unseen by anyone without the key.

    Row n holds :math:`m_n = \mathrm{HMAC}_k(m_{n-1} \,\|\, \mathrm{JSON}_n)`, HMAC-SHA256 over the row in canonical
    JSON. The database refuses to change or delete a row; ``verify`` shows it where someone got round that. A cut tail
    is shown by the head, a file beside the database that says how far the log went.

    Args:
        database: where rows are kept.
        key: secret bytes; see ``audit_key``.
        head: how far the log went; None where nothing shall be kept beside the database.
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
            details: plain values; patients by pseudonym only.

        Returns:
            The row's number, from 1.
        """
        with self.database.session() as session:
            return self.add(session, actor, action, **details)

    def add(self, session: Session, actor: str, action: str, **details: Any) -> int:
        """Add a row to an open transaction, so that an act and its row are written together or not at all.

        Call it last.
        """
        self.database.one_at_a_time(session, "audit")
        last = session.execute(
            select(AuditRow.number, AuditRow.mac).order_by(AuditRow.number.desc()).limit(1)
        ).one_or_none()
        number, before = (last.number + 1, last.mac) if last else (1, BEGINNING)
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        row = AuditRow(number=number, at=at, actor=actor, action=action, details=_canonical(details), mac="")
        row.mac = self._seal(before, row)
        session.add(row)
        session.flush()
        if self.head:
            head, mac = self.head, row.mac
            self.database.once_committed(session, lambda: head.advance(number, mac))
        return number

    def rows(self) -> Iterator[AuditRow]:
        """Every row, oldest first, read in pages."""
        page: Sequence[AuditRow] = ()
        while True:
            wanted = select(AuditRow).order_by(AuditRow.number).limit(_PAGE)
            with self.database.reading() as session:
                page = session.scalars(wanted.where(AuditRow.number > page[-1].number) if page else wanted).all()
            if not page:
                return
            yield from page

    def last(self) -> AuditRow | None:
        """The newest row."""
        with self.database.reading() as session:
            return session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).one_or_none()

    def verify(self) -> list[str]:
        """Look through the whole log.

        Returns:
            What is wrong: the first row that does not follow from the one before it, or that the end is missing. Empty
            when all is well.
        """
        # Read before the rows: what is added meanwhile is beyond it.
        head = self.head.read() if self.head else None
        number, before = 0, BEGINNING
        at_head = BEGINNING if head and head.number == 0 else ""
        for row in self.rows():
            if row.number < 1:
                return [f"row {row.number} ({row.at}, {row.action}) was added before the first one"]
            if row.number != number + 1:
                return [f"row {number + 1} is missing; the next one is row {row.number} ({row.at}, {row.action})"]
            if not hmac.compare_digest(row.mac.encode(), self._seal(before, row).encode()):
                return [f"row {row.number} ({row.at}, {row.action}) was changed, moved or added"]
            number, before = row.number, row.mac
            if head and number == head.number:
                at_head = row.mac
        if self.head and not head:
            return [f"the head {self.head.path.name} is missing or was changed: whether the end was cut cannot be told"]
        if head and number < head.number:
            return [f"the log ends with row {number}, but had {head.number} rows: its end was cut"]
        return [f"row {head.number} is not the one that the head names"] if head and at_head != head.mac else []

    def _seal(self, before: str, row: AuditRow) -> str:
        content = {"number": row.number, "at": row.at, "actor": row.actor, "action": row.action, "details": row.details}
        return hmac.new(self.key, f"{before}{_canonical(content)}".encode(), hashlib.sha256).hexdigest()


def open_audit(database: Database, data: Path) -> Audit:
    """The audit log of a viewer's folder, with the key and the head that are kept there."""
    key = audit_key(data)
    audit = Audit(database, key, AuditHead(data / HEAD_FILE, key))
    with database.reading() as session:
        # A log without rows beside accounts was emptied: it gets no new head that would say otherwise.
        is_new = session.scalar(select(AccountRow.name).limit(1)) is None
    if is_new and audit.head and audit.last() is None:
        audit.head.begin()
    return audit


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
