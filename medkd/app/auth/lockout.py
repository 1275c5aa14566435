"""Five wrong passwords, then a pause: guessing is slow, and nobody is shut out for good."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from sqlalchemy import delete, func, select

from medkd.app.storage.database import Database
from medkd.app.storage.schema import FailureRow

WINDOW = 15 * 60.0
"""Seconds in which failures count, and seconds that a pause lasts."""
FAILURES = {"name": 5, "address": 20}
"""Failures in a window after which a name, or an address, has to wait."""


class LockOut:
    """Counts failed logins by name and by address.

    A name from which nobody may log in behaves like any other, so a pause tells nothing about who has an account. An
    attempt during the pause is neither checked nor counted, so that the pause ends 15 minutes after the failure that
    began it. An address waits after more failures than a name, since several people may share it; it keeps one machine
    from pausing every name.

    Args:
        database: where failures are kept.
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def charge(self, name: str, address: str) -> float:
        """Count an attempt before it is checked, so that attempts made at once are all counted.

        ``clear`` takes it back.

        Returns:
            Seconds to wait; 0 when the attempt may be checked.
        """
        now = self.clock()
        whom = _digests(name, address)
        with self.database.session() as session:
            self.database.one_at_a_time(session, "lockout")
            session.execute(delete(FailureRow).where(FailureRow.at <= now - WINDOW))
            wait = 0.0
            for kind, digest in whom.items():
                times = session.scalars(
                    select(FailureRow.at).where(FailureRow.whom == digest).order_by(FailureRow.at.desc())
                ).all()
                if len(times) >= FAILURES[kind]:
                    wait = max(wait, times[0] + WINDOW - now)
            if wait == 0.0:
                session.add_all(FailureRow(whom=digest, at=now) for digest in whom.values())
        return wait

    def clear(self, name: str, address: str) -> None:
        """The attempt was right: the name's failures are forgotten, and this one of the address."""
        whom = _digests(name, address)
        with self.database.session() as session:
            session.execute(delete(FailureRow).where(FailureRow.whom == whom["name"]))
            if "address" in whom:
                newest = session.scalars(
                    select(FailureRow).where(FailureRow.whom == whom["address"]).order_by(FailureRow.number.desc())
                ).first()
                if newest:
                    session.delete(newest)

    def is_full(self, name: str, address: str) -> bool:
        """Whether the next attempt will have to wait."""
        since = self.clock() - WINDOW
        with self.database.reading() as session:
            for kind, digest in _digests(name, address).items():
                count = session.scalar(
                    select(func.count()).select_from(FailureRow).where(FailureRow.whom == digest, FailureRow.at > since)
                )
                if (count or 0) >= FAILURES[kind]:
                    return True
        return False


def _digests(name: str, address: str) -> dict[str, str]:
    """Digests, since a person may have typed a password in place of the name."""
    whom = {"name": name, "address": address}
    return {
        kind: hashlib.sha256(f"{kind}:{text}".encode("utf-8", "backslashreplace")).hexdigest()
        for kind, text in whom.items()
        if text or kind == "name"
    }
