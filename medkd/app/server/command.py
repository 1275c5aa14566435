"""``medkd app``: serve the viewer, look through its audit log, forget a patient, keep its accounts."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path

from medkd.app.auth.accounts import SYSTEM, Accounts
from medkd.app.storage.audit_log import Audit, open_audit
from medkd.app.storage.database import FILE, Database, open_database
from medkd.app.storage.forget import forget
from medkd.errors import CheckFailed, InputError

URL_VARIABLE = "MEDKD_DATABASE_URL"
_ACTIONS = {"audit": "medkd app audit", "forget": "medkd app forget SUBJECT", "user": "medkd app user NAME --role ROLE"}


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd app``.

    Args:
        namespace: ``words`` is [BUNDLE], ["audit"], ["forget", SUBJECT] or ["user", NAME]; with ``data`` and
            ``database``, and what ``serving.serve`` and the account's options need.

    Returns:
        0; a broken audit log raises ``CheckFailed``.

    Raises:
        InputError: words are missing or one too many.
    """
    # Whatever is written from here on is its owner's alone.
    os.umask(0o077)
    # A URL with a password is better kept out of the list of processes.
    namespace.database = namespace.database or os.environ.get(URL_VARIABLE)
    action, *rest = namespace.words or [""]
    if action not in _ACTIONS:
        if not action or rest:
            raise InputError(
                "say which bundle to serve", where="medkd app", remedy="Such as: medkd app runs/demo/bundle"
            )
        # The other actions need neither torch nor gradio.
        from medkd.app.server.serve import serve

        return serve(namespace, Path(action))
    if len(rest) > 1 or (action == "forget") > len(rest) or (action == "audit" and rest):
        raise InputError(f"'medkd app {action}' was not understood", remedy=f"Write: {_ACTIONS[action]} --data DIR")
    if action != "user" and namespace.database is None and not (namespace.data / FILE).exists():
        raise InputError("no viewer kept anything here", where=namespace.data, remedy="Give its folder with --data")
    database = open_database(namespace.database, namespace.data)
    try:
        audit = open_audit(database, namespace.data)
        if action == "audit":
            return _audit(audit)
        return (
            _forget(database, audit, rest[0], namespace.data)
            if action == "forget"
            else _user(database, audit, rest, namespace)
        )
    finally:
        database.dispose()


def _audit(audit: Audit) -> int:
    problems = audit.verify()
    if problems:
        raise CheckFailed(f"the audit log is broken: {'; '.join(problems)}", remedy="Compare it with a backup")
    last = audit.last()
    print(
        f"The audit log is whole: {last.number} rows, the last of {last.at}."
        if last
        else "The audit log is whole: it has no rows yet."
    )
    if last:
        print(f"Its seal, to note down elsewhere: {last.number} {last.mac}")
    return 0


def _forget(database: Database, audit: Audit, subject: str, data: Path) -> int:
    done = forget(database, audit, subject, data, by=_who())
    written = ", ".join(f"{table} {count}" for table, count in done.rows.items() if count)
    written = written or "nothing had been written: check how the cases spell the name"
    print(f"Forgotten: {done.pseudonym} ({written}).")
    if done.scores:
        print(
            f"Cached scores were removed ({', '.join(done.scores)}); the next start makes them anew from the cases that are left."
        )
    print("Take the records out of the cases, and restart a running viewer; backups are not reached from here.")
    return 0


def _user(database: Database, audit: Audit, words: list[str], namespace: argparse.Namespace) -> int:
    accounts = Accounts(database, audit)
    if not words:
        for account in accounts.all():
            print(f"{account.name:<34}{account.role:<13}{'identifiers' if account.identifiers else 'pseudonyms'}")
        return 0
    name, by = words[0], _who()
    known = accounts.account(name)
    if namespace.remove:
        accounts.remove(name, by=by)
        print(f"Removed: {name}. What it wrote stays under its name.")
    elif known is None:
        if namespace.role is None:
            raise InputError(
                f"there is no account '{name}'",
                remedy="To make it, say which role: --role reader, adjudicator or admin",
            )
        password = accounts.add(name, None, namespace.role, bool(namespace.identifiers), by=by)
        print(f"Made: {name}, {namespace.role}. Password for the first login, shown this once: {password}")
    else:
        role = namespace.role or known.role
        identifiers = known.identifiers if namespace.identifiers is None else namespace.identifiers
        if (role, identifiers) != (known.role, known.identifiers):
            accounts.change(name, role, identifiers, by=by)
        if namespace.reset_password:
            print(f"Password of {name} for the next login, shown this once: {accounts.reset_password(name, by=by)}")
        print(f"{name}: {role}, sees {'identifiers' if identifiers else 'pseudonyms'}.")
    return 0


def _who() -> str:
    """Who typed the command, for the audit log."""
    try:
        return f"{SYSTEM} {getpass.getuser()}"[:64]
    except (KeyError, OSError):
        return SYSTEM
