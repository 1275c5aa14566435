"""Lockout after five failed logins for 15 minutes: guessing is slow, and no account is locked for good."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from sqlalchemy import delete, func, select

from medkd.app.storage.database import Database
from medkd.app.storage.schema import FailureRow

WINDOW_SECONDS = 15 * 60.0
"""Seconds for which a failure counts, and for which a lockout lasts."""
MAX_FAILURES = {"name": 5, "address": 20}
"""Failures in a window after which a name, or an address, is locked."""


class Lockout:
    """Failed logins, counted by name and by address.

    A name without an account is locked like any other, so a lockout does not reveal who has an account. An attempt
    during a lockout is neither checked nor counted, so that it ends 15 minutes after the failure that began it. An
    address is locked after more failures than a name, since several people may share it; this keeps one machine from
    locking every name.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def record_attempt(self, name: str, address: str) -> float:
        """Count an attempt as failed before it is checked, so that simultaneous attempts are all counted.

        ``clear`` takes it back.

        Returns:
            Seconds to wait; 0 if the attempt may be checked.
        """
        now = self.clock()
        digests = _digests(name, address)
        with self.database.session() as session:
            self.database.advisory_lock(session, "lockout")
            session.execute(delete(FailureRow).where(FailureRow.at <= now - WINDOW_SECONDS))
            wait = 0.0
            for kind, digest in digests.items():
                times = session.scalars(
                    select(FailureRow.at).where(FailureRow.whom == digest).order_by(FailureRow.at.desc())
                ).all()
                if len(times) >= MAX_FAILURES[kind]:
                    wait = max(wait, times[0] + WINDOW_SECONDS - now)
            if wait == 0.0:
                session.add_all(FailureRow(whom=digest, at=now) for digest in digests.values())
        return wait

    def clear(self, name: str, address: str) -> None:
        """After a successful login: remove the name's failures, and this one of the address."""
        digests = _digests(name, address)
        with self.database.session() as session:
            session.execute(delete(FailureRow).where(FailureRow.whom == digests["name"]))
            if "address" in digests:
                newest = session.scalars(
                    select(FailureRow).where(FailureRow.whom == digests["address"]).order_by(FailureRow.number.desc())
                ).first()
                if newest:
                    session.delete(newest)

    def is_locked(self, name: str, address: str) -> bool:
        """Whether the next attempt has to wait."""
        since = self.clock() - WINDOW_SECONDS
        with self.database.read_session() as session:
            for kind, digest in _digests(name, address).items():
                count = session.scalar(
                    select(func.count()).select_from(FailureRow).where(FailureRow.whom == digest, FailureRow.at > since)
                )
                if (count or 0) >= MAX_FAILURES[kind]:
                    return True
        return False


def _digests(name: str, address: str) -> dict[str, str]:
    """Digests by kind: a person may have typed a password in place of the name."""
    texts = {"name": name, "address": address}
    return {
        kind: hashlib.sha256(f"{kind}:{text}".encode("utf-8", "backslashreplace")).hexdigest()
        for kind, text in texts.items()
        if text or kind == "name"
    }
