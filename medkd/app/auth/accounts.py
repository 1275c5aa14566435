"""Accounts of the viewer: argon2id, one time for every wrong answer, and a pause after five of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from medkd.app.auth.lockout import LockOut
from medkd.app.auth.passwords import LONGEST, check_password, normalised, random_password
from medkd.app.storage.account import Account, checked_name, checked_role, is_name
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, SessionRow
from medkd.errors import InputError, nearest

FIRST, PASSWORD_VARIABLE = "admin", "MEDKD_APP_PASSWORD"
SYSTEM, UNKNOWN = "(terminal)", "(unknown)"
"""Actors of the audit log that are no account: who typed a command, and who gave a name that there is not."""


class Refused(InputError):
    """Name or password is wrong; which of them is not told."""


class LockedOut(Refused):
    """Too many failures, of this name or from this address.

    Args:
        seconds: to wait.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("too many failed attempts", remedy=f"Try again in {max(1, round(seconds / 60))} minutes")


class Accounts:
    """Everyone who may use the viewer.

    Args:
        database: where they are kept.
        audit: where logins and changes are written.
        hasher: argon2id with its library's parameters; a stored hash of other parameters is renewed at the next login.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        audit: Audit,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.audit = audit
        self.clock = clock
        self.lockout = LockOut(database, clock)
        self._hasher = hasher or PasswordHasher()
        # Each check takes 64 MiB: a crowd of logins waits for its turn and does not fill the memory.
        self._turn = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))

    def add(self, name: str, password: str | None, role: str, identifiers: bool = False, *, by: str = SYSTEM) -> str:
        """Make an account.

        Args:
            name: see ``Account``.
            password: None draws one, which must be changed at the first login.
            role: see ``Account``.
            identifiers: whether patients' identifiers are shown.
            by: who did it, for the audit log.

        Returns:
            The password.

        Raises:
            InputError: name, role or password cannot be, or the name was given before.
        """
        checked_name(name)
        checked_role(role)
        if password is not None:
            check_password(name, password)
        chosen = random_password() if password is None else password
        hashed = self._hash(chosen)
        with self.database.session() as session:
            if row := session.get(AccountRow, name):
                was = "was removed; its verdicts stay under its name" if row.removed else "is there already"
                raise InputError(f"account '{name}' {was}", remedy="Give another name")
            session.add(
                AccountRow(
                    name=name,
                    password_hash=hashed,
                    role=role,
                    identifiers=identifiers,
                    must_change=password is None,
                    created=self.clock(),
                )
            )
            self.audit.add(session, by, "account added", account=name, role=role, identifiers=identifiers)
        return chosen

    def first(self) -> tuple[str, str] | None:
        """Make ``admin`` where there is no account at all, with the password in ``MEDKD_APP_PASSWORD`` or one drawn here.

        Returns:
            Name and password, to be shown once; None when there are accounts, or when the password came from the
            environment.
        """
        with self.database.reading() as session:
            if session.scalar(select(func.count()).select_from(AccountRow).where(AccountRow.removed.is_(None))):
                return None
        given = os.environ.get(PASSWORD_VARIABLE) or None
        drawn = self.add(FIRST, given, "admin", identifiers=True)
        return None if given else (FIRST, drawn)

    def account(self, name: str) -> Account | None:
        """The account of this name; None if there is none, or it was removed."""
        if not is_name(name):
            return None
        with self.database.reading() as session:
            row = session.get(AccountRow, name)
            return _account(row) if row and row.removed is None else None

    def all(self) -> list[Account]:
        """Every account that was not removed, by name."""
        with self.database.reading() as session:
            rows = session.scalars(select(AccountRow).where(AccountRow.removed.is_(None)).order_by(AccountRow.name))
            return [_account(row) for row in rows]

    def check(self, name: str, password: str, address: str = "") -> Account:
        """Who logs in with this name and password; takes the same time for a name that there is not.

        Args:
            name, password: as typed.
            address: where the attempt comes from.

        Raises:
            LockedOut: five failures of this name, or twenty from this address, in 15 minutes; nothing was checked.
            Refused: name or password is wrong.
        """
        nobody = self._nobody
        known = self.account(name)
        actor = known.name if known else UNKNOWN
        if wait := self.lockout.charge(name, address):
            raise LockedOut(wait)
        if known is None or not self._verify(known, password):
            if known is None:
                self._matches(nobody, password)
            self.audit.append(actor, "login refused", address=address)
            if self.lockout.is_full(name, address):
                self.audit.append(actor, "locked out", address=address)
            raise Refused("name or password is wrong")
        self.lockout.clear(name, address)
        self.audit.append(known.name, "login", address=address)
        return known

    def change_password(self, name: str, current: str, new: str) -> None:
        """Replace a password by its owner's choice; every session of theirs ends.

        Raises:
            Refused: ``current`` is not their password; it counts as a failed login.
            LockedOut: too many of those.
            InputError: ``new`` cannot be a password, or is the current one.
        """
        if wait := self.lockout.charge(name, ""):
            raise LockedOut(wait)
        known = self.account(name)
        if known is None or not self._verify(known, current):
            self.audit.append(name, "login refused", at="password")
            raise Refused("the current password is wrong")
        self.lockout.clear(name, "")
        if normalised(new) == normalised(current):
            raise InputError("the new password is the current one")
        self._set(name, new, must_change=False, by=name)

    def reset_password(self, name: str, *, by: str = SYSTEM) -> str:
        """Draw a new password, which must be changed at the next login; every session of theirs ends.

        Raises:
            InputError: there is no such account.
        """
        drawn = random_password()
        self._set(name, drawn, must_change=True, by=by)
        self.lockout.clear(name, "")
        return drawn

    def change(self, name: str, role: str, identifiers: bool, *, by: str = SYSTEM) -> None:
        """Give an account another role.

        Raises:
            InputError: there is no such account or role, or nobody would be admin.
        """
        checked_role(role)
        with self.database.session() as session:
            row = self._row(session, name)
            if role != "admin":
                self._keep_an_admin(session, row)
            row.role, row.identifiers = role, identifiers
            self.audit.add(session, by, "account changed", account=name, role=role, identifiers=identifiers)

    def remove(self, name: str, *, by: str = SYSTEM) -> None:
        """Close an account and its sessions. What it wrote stays, under a name that is not given again.

        Raises:
            InputError: there is no such account, or nobody would be admin.
        """
        with self.database.session() as session:
            row = self._row(session, name)
            self._keep_an_admin(session, row)
            row.removed, row.password_hash = self.clock(), None
            session.execute(delete(SessionRow).where(SessionRow.name == name))
            self.audit.add(session, by, "account removed", account=name)

    def vouched(self, name: str, create: str | None) -> Account | None:
        """The account of a person whom a trusted proxy has logged in.

        Args:
            name: as the proxy gives it.
            create: the role in which an unknown name gets an account; None refuses it.

        Returns:
            None when there is no such account and none may be made, or it was removed.
        """
        known = self.account(name)
        if known or not create or not is_name(name):
            return known
        try:
            with self.database.session() as session:
                if session.get(AccountRow, name):
                    return None
                row = AccountRow(name=name, role=create, identifiers=False, must_change=False, created=self.clock())
                session.add(row)
                self.audit.add(session, "(proxy)", "account added", account=name, role=create, identifiers=False)
        except IntegrityError:
            # Two first requests of one person came at once; the other one made the account.
            return self.account(name)
        return _account(row)

    def _set(self, name: str, password: str, *, must_change: bool, by: str) -> None:
        check_password(name, password)
        hashed = self._hash(password)
        with self.database.session() as session:
            row = self._row(session, name)
            row.password_hash, row.must_change = hashed, must_change
            session.execute(delete(SessionRow).where(SessionRow.name == name))
            self.audit.add(session, by, "password changed", account=name)

    @cached_property
    def _nobody(self) -> str:
        """What a password is held against where there is none, so that the answer takes as long."""
        return self._hash(random_password())

    def _hash(self, password: str) -> str:
        with self._turn:
            return self._hasher.hash(normalised(password))

    def _matches(self, hashed: str, password: str) -> bool:
        with self._turn:
            try:
                # A longer text cannot be a password; what is hashed stays short.
                return self._hasher.verify(hashed, normalised(password[: LONGEST + 1]))
            except (Argon2Error, InvalidHashError):
                return False

    def _verify(self, known: Account, password: str) -> bool:
        with self.database.reading() as session:
            hashed = session.scalar(select(AccountRow.password_hash).where(AccountRow.name == known.name))
        # Whoever logs in through a proxy has no password; a check of theirs takes as long as any other.
        right = self._matches(hashed or self._nobody, password) and hashed is not None
        if right and hashed and self._hasher.check_needs_rehash(hashed):
            renewed = self._hash(password)
            with self.database.session() as session:
                self._row(session, known.name).password_hash = renewed
        return right

    def _row(self, session: Session, name: str) -> AccountRow:
        row = session.get(AccountRow, name)
        if row is None or row.removed is not None:
            names = session.scalars(select(AccountRow.name).where(AccountRow.removed.is_(None))).all()
            raise InputError(f"there is no account '{name}'", remedy=nearest(name, names) if names else "")
        return row

    def _keep_an_admin(self, session: Session, row: AccountRow) -> None:
        admins = session.scalar(
            select(func.count()).select_from(AccountRow).where(AccountRow.role == "admin", AccountRow.removed.is_(None))
        )
        if row.role == "admin" and admins == 1:
            raise InputError(
                f"'{row.name}' is the only admin", remedy="Make another one first: medkd app user NAME --role admin"
            )


def _account(row: AccountRow) -> Account:
    return Account(row.name, row.role, row.identifiers, row.must_change)
