"""Serve the viewer: open everything it needs, say where it is, and stop cleanly."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.app.auth.accounts import SYSTEM, Accounts
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.cases.cases import open_cases
from medkd.app.pages.context import Desk
from medkd.app.server.socket import listen, serve_until_stopped
from medkd.app.storage.audit_log import open_audit
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.export import export_csv
from medkd.app.storage.reviews import Verdicts
from medkd.deploy.bundle.bundle import Bundle
from medkd.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(namespace: argparse.Namespace, folder: Path) -> int:
    """Run the server until it is stopped.

    Args:
        namespace: what was typed.
        folder: of the bundle.

    Raises:
        InputError: something of it cannot be used; nothing was started.
    """
    proxy = Proxy(namespace.proxy_address, namespace.proxy_header, namespace.proxy_create)
    cases = _cases(namespace.cases, folder)
    # What can be wrong is told before anything takes long.
    with listen(namespace.host, namespace.port) as listening:
        bundle = Bundle.load(folder, namespace.trust, key=namespace.require_signed)
        database = open_database(namespace.database, namespace.data)
        try:
            return _run(namespace, folder, bundle, cases, proxy, database, listening)
        finally:
            database.dispose()


def _run(
    namespace: argparse.Namespace,
    folder: Path,
    bundle: Bundle,
    cases: Path,
    proxy: Proxy,
    database: Database,
    listening: socket.socket,
) -> int:
    data: Path = namespace.data
    audit = open_audit(database, data)
    accounts = Accounts(database, audit)
    found = open_cases(folder, bundle, cases, data, namespace.predictions, trust=namespace.trust)
    verdicts = Verdicts(database, audit, bundle.target.key)
    desk = Desk.of(folder, bundle, found, accounts, verdicts, audit, blinded=not namespace.open)
    secure = {"auto": None, "yes": True, "no": False}[namespace.cookie_secure]
    app = _viewer(desk, database, proxy, secure, data)
    mode = "blinded" if desk.blinded else "open"
    audit.append(SYSTEM, "server started", bundle=bundle.bundle_sha256, cases=found.table.height, mode=mode)
    host, port = listening.getsockname()[:2]
    print(
        f"Research use; not a medical device.\n{found.table.height} cases, {mode}; what readers write is kept in {data}."
    )
    # Made last: the password is shown, or there is no such account.
    if proxy.header is None and (first := accounts.first()):
        print(f"First login: name {first[0]}, password {first[1]} (shown this once).")
    if proxy.address is None and namespace.host not in _LOOPBACK:
        print(
            "Passwords cross the network as they are typed: put a proxy with TLS in front and name it with --proxy-address."
        )
    print(f"Open http://{f'[{host}]' if ':' in host else host}:{port} in a browser. Stop with Ctrl-C.", flush=True)
    serve_until_stopped(app, listening)
    audit.append(SYSTEM, "server stopped")
    print("Stopped.")
    return 0


def _viewer(desk: Desk, database: Database, proxy: Proxy, secure: bool | None, data: Path) -> FastAPI:
    # Gradio reads these when it is imported; what it keeps for a while lies beside our own data.
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_TEMP_DIR=str(data / "gradio")
    )
    from medkd.app import pages
    from medkd.app.pages import look
    from medkd.app.server.server import build_server

    classes = desk.bundle.target.names
    return build_server(
        database,
        desk.accounts,
        Sessions(database),
        desk.audit,
        pages.build(desk),
        look=look.look(),
        files={look.KEYS: look.FOLDER / "keys.js"},
        export=lambda account: export_csv(desk.verdicts, account, classes, desk.audit),
        proxy=proxy,
        cookie_secure=secure,
    )


def _cases(given: Path | None, bundle: Path) -> Path:
    """What was given, else the run that the bundle lies in."""
    run = bundle.resolve().parent
    if given is None and not (run / "recipe.yaml").exists():
        raise InputError(
            "say which cases to show",
            where="--cases",
            remedy="Give a folder of records, a manifest, a cohort's root or a run's folder",
        )
    return run if given is None else given
