"""Command ``medkd app``: serve the viewer, check its audit log, forget a patient, manage its accounts."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.app.storage.account import ROLES
from medkd.deploy.bundle.trust_options import add_trust_arguments
from medkd.errors import CheckFailed, InputError
from medkd.parser import Parser, count, one_of

if TYPE_CHECKING:
    from medkd.app.storage.audit_log import AuditLog
    from medkd.app.storage.database import Database

URL_VARIABLE = "MEDKD_DATABASE_URL"
_ACTIONS = {"audit": "medkd app audit", "forget": "medkd app forget SUBJECT", "user": "medkd app user NAME --role ROLE"}


def add_arguments(parser: Parser) -> None:
    """Add the arguments of ``medkd app``."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="BUNDLE",
        help="folder that medkd distill left; or audit, forget SUBJECT, user [NAME]",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("runs/app"),
        metavar="DIR",
        help="verdicts, accounts, audit log; default %(default)s",
    )
    parser.add_argument("--database", metavar="URL", help="PostgreSQL in place of the file in --data: postgresql://...")
    _add_case_arguments(parser)
    _add_server_arguments(parser)
    _add_account_arguments(parser)
    parser.epilog = (
        f"{parser.epilog}\n  medkd app audit --data runs/app\n  medkd app forget SUBJECT --data runs/app\n"
        "  medkd app user alice --role reader --data runs/app"
    )


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd app``.

    Args:
        namespace: ``words`` is [BUNDLE], ["audit"], ["forget", SUBJECT], ["user"] or ["user", NAME].

    Returns:
        0; a broken audit log raises ``CheckFailed``.

    Raises:
        InputError: an argument is missing or one too many.
    """
    # Everything that is written from here on is readable by its owner alone.
    os.umask(0o077)
    # A URL with a password is better kept out of the list of processes.
    namespace.database = namespace.database or os.environ.get(URL_VARIABLE)
    action, *arguments = namespace.words or [""]
    if action in _ACTIONS:
        return _act(action, arguments, namespace)
    if not action or arguments:
        raise InputError("say which bundle to serve", where="medkd app", remedy="Such as: medkd app runs/demo/bundle")
    from medkd.app.server.serve import serve

    return serve(namespace, Path(action))


def _act(action: str, arguments: list[str], namespace: argparse.Namespace) -> int:
    # Neither torch nor gradio is imported for these actions.
    from medkd.app.storage.audit_log import open_audit_log
    from medkd.app.storage.database import DATABASE_FILE, open_database

    if len(arguments) > 1 or (action == "forget") > len(arguments) or (action == "audit" and arguments):
        raise InputError(f"'medkd app {action}' was not understood", remedy=f"Write: {_ACTIONS[action]} --data DIR")
    if action != "user" and namespace.database is None and not (namespace.data / DATABASE_FILE).exists():
        raise InputError("no viewer kept anything here", where=namespace.data, remedy="Give its folder with --data")
    database = open_database(namespace.database, namespace.data)
    try:
        audit = open_audit_log(database, namespace.data)
        if action == "audit":
            return _check_audit_log(audit)
        if action == "forget":
            return _forget(database, audit, arguments[0], namespace.data)
        return _manage_accounts(database, audit, arguments, namespace)
    finally:
        database.dispose()


def _check_audit_log(audit: AuditLog) -> int:
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


def _forget(database: Database, audit: AuditLog, subject: str, data: Path) -> int:
    from medkd.app.storage.forget import forget

    erasure = forget(database, audit, subject, data, by=_actor())
    counts = ", ".join(f"{table} {count}" for table, count in erasure.rows.items() if count)
    counts = counts or "nothing had been written: check how the cases spell the name"
    print(f"Forgotten: {erasure.pseudonym} ({counts}).")
    if erasure.scores:
        print(
            f"Cached scores were removed ({', '.join(erasure.scores)}); "
            "the next start makes them anew from the cases that are left."
        )
    print("Take the records out of the cases, and restart a running viewer; backups are not reached from here.")
    return 0


def _manage_accounts(database: Database, audit: AuditLog, names: list[str], namespace: argparse.Namespace) -> int:
    from medkd.app.auth.accounts import Accounts

    accounts = Accounts(database, audit)
    if not names:
        for account in accounts.all():
            print(f"{account.name:<34}{account.role:<13}{'identifiers' if account.identifiers else 'pseudonyms'}")
        return 0
    name, by = names[0], _actor()
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


def _actor() -> str:
    """The user of the command line, for the audit log."""
    from medkd.app.auth.accounts import TERMINAL_ACTOR

    try:
        return f"{TERMINAL_ACTOR} {getpass.getuser()}"[:64]
    except (KeyError, OSError):
        return TERMINAL_ACTOR


def _add_case_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--cases",
        type=Path,
        metavar="DIR",
        help="records, a cohort's root, a manifest, or the folder of a medkd distill run",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="RUN",
        help="what medkd predict left for these cases; default: they are scored first",
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="show the model's view at once; default: the reader reads first (blinded)",
    )
    add_trust_arguments(parser)


def _add_server_arguments(parser: Parser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="address to listen at; default %(default)s")
    parser.add_argument("--port", type=count, default=7860, metavar="N", help="default %(default)s")
    parser.add_argument(
        "--root-path",
        default="",
        metavar="PATH",
        help="path below which a portal shows the viewer, such as /ecg; default: X-Forwarded-Prefix of the proxy",
    )
    parser.add_argument(
        "--proxy-header", metavar="NAME", help="trust a reverse proxy to name the reader in this header"
    )
    parser.add_argument(
        "--proxy-address",
        metavar="IP",
        help="the proxy's address: its headers are trusted; needed with --proxy-header",
    )
    parser.add_argument(
        "--proxy-create",
        type=one_of("--proxy-create", ROLES),
        metavar="ROLE",
        help="with --proxy-header: make an account of this role for a reader without one",
    )
    parser.add_argument(
        "--cookie-secure",
        type=one_of("--cookie-secure", ("auto", "yes", "no")),
        default="auto",
        metavar="WHEN",
        help="send the cookie over TLS alone: auto, yes or no; default %(default)s: behind a proxy",
    )


def _add_account_arguments(parser: Parser) -> None:
    parser.add_argument("--role", type=one_of("--role", ROLES), metavar="ROLE", help=f"with user: {', '.join(ROLES)}")
    parser.add_argument(
        "--identifiers",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="with user: may see patient identifiers",
    )
    parser.add_argument("--reset-password", action="store_true", help="with user: draw a new password")
    parser.add_argument("--remove", action="store_true", help="with user: remove the account; its verdicts stay")
