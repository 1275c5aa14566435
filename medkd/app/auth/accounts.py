"""Accounts of the viewer: added, authenticated, changed and removed; each act is recorded in the audit log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from argon2 import PasswordHasher
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from medkd.app.auth.lockout import Lockout
from medkd.app.auth.passwords import PasswordHashes, check_new_password, normalised, random_password
from medkd.app.storage.account import Account, checked_name, checked_role, is_name
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, SessionRow
from medkd.errors import InputError, nearest

FIRST_ADMIN, PASSWORD_VARIABLE = "admin", "MEDKD_APP_PASSWORD"
TERMINAL_ACTOR, UNKNOWN_ACTOR = "(terminal)", "(unknown)"
"""Actors of the audit log without an account: a user of the command line, and a login under an unknown name."""


class LoginRefused(InputError):
    """Name or password is wrong; the message does not reveal which."""


class LockedOut(LoginRefused):
    """Too many failures of this name or from this address; ``seconds`` until the next attempt is allowed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("too many failed attempts", remedy=f"Try again in {max(1, round(seconds / 60))} minutes")


class Accounts:
    """All accounts.

    Args:
        hasher: Argon2id; a stored hash of other parameters is renewed at the next login.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.audit = audit
        self.clock = clock
        self.lockout = Lockout(database, clock)
        self._hashes = PasswordHashes(hasher)

    def add(
        self, name: str, password: str | None, role: str, identifiers: bool = False, *, by: str = TERMINAL_ACTOR
    ) -> str:
        """Add an account.

        Args:
            password: None draws one, which must be changed at the first login.
            identifiers: whether patients' identifiers are shown.
            by: the actor in the audit log.

        Returns:
            The password.

        Raises:
            InputError: name, role or password is invalid, or the name was used before.
        """
        checked_name(name)
        checked_role(role)
        if password is not None:
            check_new_password(name, password)
        chosen = random_password() if password is None else password
        hashed = self._hashes.hash(chosen)
        with self.database.session() as session:
            if row := session.get(AccountRow, name):
                state = "was removed; its verdicts stay under its name" if row.removed else "is there already"
                raise InputError(f"account '{name}' {state}", remedy="Give another name")
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

    def create_first_admin(self) -> tuple[str, str] | None:
        """Add ``admin`` if there are no accounts, with the password in ``MEDKD_APP_PASSWORD`` or a random one.

        Returns:
            Name and password, to be shown once; None if accounts exist, or if the password is the environment's.
        """
        with self.database.read_session() as session:
            if session.scalar(select(func.count()).select_from(AccountRow).where(AccountRow.removed.is_(None))):
                return None
        configured = os.environ.get(PASSWORD_VARIABLE) or None
        password = self.add(FIRST_ADMIN, configured, "admin", identifiers=True)
        return None if configured else (FIRST_ADMIN, password)

    def account(self, name: str) -> Account | None:
        """The account of this name; None if there is none, or it was removed."""
        if not is_name(name):
            return None
        with self.database.read_session() as session:
            row = session.get(AccountRow, name)
            return _account(row) if row and row.removed is None else None

    def all(self) -> list[Account]:
        """Every account that was not removed, by name."""
        with self.database.read_session() as session:
            rows = session.scalars(select(AccountRow).where(AccountRow.removed.is_(None)).order_by(AccountRow.name))
            return [_account(row) for row in rows]

    def authenticate(self, name: str, password: str, address: str = "") -> Account:
        """The account of this name and password; an unknown name takes as long as a wrong password.

        Args:
            address: of the client; failures are also counted by address.

        Raises:
            LockedOut: five failures of this name, or twenty from this address, in 15 minutes; nothing was checked.
            LoginRefused: name or password is wrong.
        """
        self._hashes.warm_up()
        known = self.account(name)
        actor = known.name if known else UNKNOWN_ACTOR
        if wait := self.lockout.record_attempt(name, address):
            raise LockedOut(wait)
        matches = self._verify(known.name if known else None, password)
        if known is None or not matches:
            self.audit.append(actor, "login refused", address=address)
            if self.lockout.is_locked(name, address):
                self.audit.append(actor, "locked out", address=address)
            raise LoginRefused("name or password is wrong")
        self.lockout.clear(name, address)
        self.audit.append(known.name, "login", address=address)
        return known

    def change_password(self, name: str, current: str, new: str) -> None:
        """Replace a password by its owner's choice; every session of theirs ends.

        Raises:
            LoginRefused: ``current`` is not their password; it counts as a failed login.
            LockedOut: too many failures.
            InputError: ``new`` is not accepted, or is the current password.
        """
        if wait := self.lockout.record_attempt(name, ""):
            raise LockedOut(wait)
        if self.account(name) is None or not self._verify(name, current):
            self.audit.append(name, "login refused", at="password")
            raise LoginRefused("the current password is wrong")
        self.lockout.clear(name, "")
        if normalised(new) == normalised(current):
            raise InputError("the new password is the current one")
        self._set(name, new, must_change=False, by=name)

    def reset_password(self, name: str, *, by: str = TERMINAL_ACTOR) -> str:
        """Set a random password, which must be changed at the next login; every session of the account ends.

        Raises:
            InputError: there is no such account.
        """
        password = random_password()
        self._set(name, password, must_change=True, by=by)
        self.lockout.clear(name, "")
        return password

    def change(self, name: str, role: str, identifiers: bool, *, by: str = TERMINAL_ACTOR) -> None:
        """Change an account's role and whether it sees identifiers.

        Raises:
            InputError: there is no such account or role, or no admin would be left.
        """
        checked_role(role)
        with self.database.session() as session:
            row = self._row(session, name)
            if role != "admin":
                self._require_another_admin(session, row)
            row.role, row.identifiers = role, identifiers
            self.audit.add(session, by, "account changed", account=name, role=role, identifiers=identifiers)

    def remove(self, name: str, *, by: str = TERMINAL_ACTOR) -> None:
        """Close an account and its sessions. Its readings stay, under a name that is never used again.

        Raises:
            InputError: there is no such account, or no admin would be left.
        """
        with self.database.session() as session:
            row = self._row(session, name)
            self._require_another_admin(session, row)
            row.removed, row.password_hash = self.clock(), None
            session.execute(delete(SessionRow).where(SessionRow.name == name))
            self.audit.add(session, by, "account removed", account=name)

    def proxy_account(self, name: str, create_role: str | None) -> Account | None:
        """The account of a person whom a trusted proxy has logged in.

        Args:
            name: as the proxy sends it.
            create_role: the role of an account that is added for an unknown name; None refuses it.

        Returns:
            None if there is no such account and none may be added, or it was removed.
        """
        known = self.account(name)
        if known or not create_role or not is_name(name):
            return known
        try:
            with self.database.session() as session:
                if session.get(AccountRow, name):
                    return None
                row = AccountRow(
                    name=name, role=create_role, identifiers=False, must_change=False, created=self.clock()
                )
                session.add(row)
                self.audit.add(session, "(proxy)", "account added", account=name, role=create_role, identifiers=False)
        except IntegrityError:
            # Two first requests of one person came at once; the other one added the account.
            return self.account(name)
        return _account(row)

    def _set(self, name: str, password: str, *, must_change: bool, by: str) -> None:
        check_new_password(name, password)
        hashed = self._hashes.hash(password)
        with self.database.session() as session:
            row = self._row(session, name)
            row.password_hash, row.must_change = hashed, must_change
            session.execute(delete(SessionRow).where(SessionRow.name == name))
            self.audit.add(session, by, "password changed", account=name)

    def _verify(self, name: str | None, password: str) -> bool:
        """Whether ``password`` is the account's. Without an account or a password: False, after the same time."""
        with self.database.read_session() as session:
            hashed = session.scalar(select(AccountRow.password_hash).where(AccountRow.name == name)) if name else None
        right = self._hashes.verify(hashed, password)
        if right and name and hashed and self._hashes.is_outdated(hashed):
            renewed = self._hashes.hash(password)
            with self.database.session() as session:
                self._row(session, name).password_hash = renewed
        return right

    def _row(self, session: Session, name: str) -> AccountRow:
        row = session.get(AccountRow, name)
        if row is None or row.removed is not None:
            names = session.scalars(select(AccountRow.name).where(AccountRow.removed.is_(None))).all()
            raise InputError(f"there is no account '{name}'", remedy=nearest(name, names) if names else "")
        return row

    def _require_another_admin(self, session: Session, row: AccountRow) -> None:
        admins = session.scalar(
            select(func.count()).select_from(AccountRow).where(AccountRow.role == "admin", AccountRow.removed.is_(None))
        )
        if row.role == "admin" and admins == 1:
            raise InputError(
                f"'{row.name}' is the only admin", remedy="Make another one first: medkd app user NAME --role admin"
            )


def _account(row: AccountRow) -> Account:
    return Account(row.name, row.role, row.identifiers, row.must_change)
