"""Login sessions: a random token in the browser's cookie, its digest in the database."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from sqlalchemy import delete, select, update

from medkd.app.storage.account import Account
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, SessionRow

IDLE_SECONDS, LIFETIME_SECONDS = 30 * 60.0, 12 * 3600.0
"""Seconds without a request, and seconds since the login, after which a session ends."""
_SEEN_RESOLUTION = 60.0
"""Seconds between two updates of when a session was last seen: not every request writes."""


class Sessions:
    """Open sessions.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def open(self, name: str) -> str:
        """Open a session of an account.

        Returns:
            Its token, 256 random bits; only a digest of it is stored.
        """
        token, now = secrets.token_urlsafe(32), self.clock()
        with self.database.session() as session:
            session.execute(
                delete(SessionRow).where(
                    (SessionRow.seen <= now - IDLE_SECONDS) | (SessionRow.opened <= now - LIFETIME_SECONDS)
                )
            )
            session.add(SessionRow(token_sha256=_digest(token), name=name, opened=now, seen=now))
        return token

    def account_of(self, token: str) -> Account | None:
        """The account of a session; None if there is none, it has ended, or the account was removed."""
        now, digest = self.clock(), _digest(token)
        with self.database.read_session() as session:
            result = session.execute(
                select(SessionRow.seen, AccountRow)
                .join(AccountRow, AccountRow.name == SessionRow.name)
                .where(
                    SessionRow.token_sha256 == digest,
                    SessionRow.seen > now - IDLE_SECONDS,
                    SessionRow.opened > now - LIFETIME_SECONDS,
                )
                .where(AccountRow.removed.is_(None))
            ).one_or_none()
        if result is None:
            return None
        seen, row = result
        if now - seen >= _SEEN_RESOLUTION:
            with self.database.session() as session:
                session.execute(update(SessionRow).where(SessionRow.token_sha256 == digest).values(seen=now))
        return Account(row.name, row.role, row.identifiers, row.must_change)

    def name_of(self, token: str) -> str | None:
        """The account's name; see ``account_of``."""
        account = self.account_of(token)
        return account.name if account else None

    def close(self, token: str) -> None:
        """End a session; its token is invalid from then on."""
        with self.database.session() as session:
            session.execute(delete(SessionRow).where(SessionRow.token_sha256 == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).hexdigest()
