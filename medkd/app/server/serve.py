"""Service of the viewer: opens bundle, cases and database, builds the application, and runs it until it is stopped."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from medkd.app.auth.accounts import TERMINAL_ACTOR, Accounts
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.cases.cases import open_cases
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.server.http_server import listen, serve_until_stopped
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.export import export_csv
from medkd.app.storage.reviews import Reviews
from medkd.deploy.bundle.bundle import Bundle
from medkd.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(namespace: argparse.Namespace, folder: Path) -> int:
    """Run the server until it is stopped.

    Args:
        namespace: the options of ``medkd app``.
        folder: of the bundle.

    Raises:
        InputError: an option, the bundle or the cases cannot be used; nothing was started.
    """
    proxy = Proxy(namespace.proxy_address, namespace.proxy_header, namespace.proxy_create, namespace.root_path)
    cases = _cases_folder(namespace.cases, folder)
    # Mistakes are reported before anything takes long.
    with listen(namespace.host, namespace.port) as listener:
        bundle = Bundle.load(folder, namespace.trust, key=namespace.require_signed)
        database = open_database(namespace.database, namespace.data)
        try:
            return _run(namespace, folder, bundle, cases, proxy, database, listener)
        finally:
            database.dispose()


def _run(
    namespace: argparse.Namespace,
    folder: Path,
    bundle: Bundle,
    cases_folder: Path,
    proxy: Proxy,
    database: Database,
    listener: socket.socket,
) -> int:
    data: Path = namespace.data
    audit = open_audit_log(database, data)
    accounts = Accounts(database, audit)
    cases = open_cases(folder, bundle, cases_folder, data, namespace.predictions, trust=namespace.trust)
    reviews = Reviews(database, audit, bundle.target.key)
    context = ViewerContext.from_bundle_folder(
        folder, bundle, cases, accounts, reviews, audit, blinded=not namespace.open
    )
    cookie_secure = {"auto": None, "yes": True, "no": False}[namespace.cookie_secure]
    app = _build_viewer(context, database, proxy, cookie_secure, data)
    mode = "blinded" if context.blinded else "open"
    audit.append(TERMINAL_ACTOR, "server started", bundle=bundle.bundle_sha256, cases=len(cases), mode=mode)
    host, port = listener.getsockname()[:2]
    print(f"Research use; not a medical device.\n{len(cases)} cases, {mode}; what readers write is kept in {data}.")
    # Made last: either the password is printed, or the account does not exist yet.
    if proxy.header is None and (first := accounts.create_first_admin()):
        print(f"First login: name {first[0]}, password {first[1]} (shown this once).")
    if proxy.address is None and namespace.host not in _LOOPBACK:
        print(
            "Passwords cross the network as they are typed: "
            "put a proxy with TLS in front and name it with --proxy-address."
        )
    print(f"Open http://{f'[{host}]' if ':' in host else host}:{port} in a browser. Stop with Ctrl-C.", flush=True)
    serve_until_stopped(app, listener)
    audit.append(TERMINAL_ACTOR, "server stopped")
    print("Stopped.")
    return 0


def _build_viewer(
    context: ViewerContext, database: Database, proxy: Proxy, cookie_secure: bool | None, data: Path
) -> FastAPI:
    # Gradio reads these when it is imported; its temporary files are kept in the viewer's folder.
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_TEMP_DIR=str(data / "gradio")
    )
    from medkd.app.pages import theme
    from medkd.app.pages.shell import build_pages
    from medkd.app.server.asgi_app import build_app

    classes = context.bundle.target.names
    return build_app(
        database,
        context.accounts,
        Sessions(database),
        context.audit,
        build_pages(context),
        gradio_options=theme.gradio_options(),
        files={theme.KEYS_URL: theme.STATIC / "keys.js"},
        export=lambda account: export_csv(context.reviews, account, classes, context.audit),
        proxy=proxy,
        cookie_secure=cookie_secure,
    )


def _cases_folder(cases: Path | None, bundle: Path) -> Path:
    """``--cases``, else the run that the bundle is in."""
    run = bundle.resolve().parent
    if cases is None and not (run / "recipe.yaml").exists():
        raise InputError(
            "say which cases to show",
            where="--cases",
            remedy="Give a folder of records, a manifest, a cohort's root or a run's folder",
        )
    return run if cases is None else cases
