"""ASGI application: login routes, Gradio pages, export and health check, inside the security middleware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.error_handling import redact_handler_errors
from medkd.app.auth.login import TEMPLATES, LoginRoutes
from medkd.app.auth.middleware import SecurityMiddleware
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database

if TYPE_CHECKING:
    import gradio


def build_app(
    database: Database,
    accounts: Accounts,
    sessions: Sessions,
    audit: AuditLog,
    blocks: gradio.Blocks,
    *,
    gradio_options: Mapping[str, Any] | None = None,
    files: Mapping[str, Path] | None = None,
    export: Callable[[Account], str] | None = None,
    proxy: Proxy | None = None,
    cookie_secure: bool | None = None,
) -> FastAPI:
    """The viewer as an ASGI application.

    Args:
        blocks: the pages.
        gradio_options: further arguments of ``gradio.mount_gradio_app``.
        files: scripts and styles by URL path.
        export: returns the CSV for an account, served as ``/export.csv``.
        proxy: the reverse proxy in front; None has no proxy.
        cookie_secure: whether the cookie is sent over TLS alone; None: where there is TLS or a proxy.
    """
    import gradio as gr

    app = FastAPI(title="medkd", docs_url=None, redoc_url=None, openapi_url=None)
    login = LoginRoutes(accounts, sessions, audit, proxy or Proxy(), cookie_secure)
    for path, methods, handler in (
        ("/login", ["GET"], login.show_login),
        ("/login", ["POST"], login.log_in),
        ("/logout", ["POST"], login.log_out),
        ("/password", ["GET"], login.show_password),
        ("/password", ["POST"], login.change_password),
    ):
        app.add_route(path, login.show_external_login if login.proxy.header else handler, methods)
    app.add_route("/login.css", _file(TEMPLATES / "login.css"), ["GET"])
    for path, file in (files or {}).items():
        app.add_route(path, _file(file), ["GET"])

    async def healthz(_request: Request) -> Response:
        await run_in_threadpool(_check_database, database)
        return PlainTextResponse("ok\n")

    app.add_route("/healthz", healthz, ["GET"])
    if export is not None:

        async def csv(request: Request) -> Response:
            text = await run_in_threadpool(export, request.state.account)
            headers = {"content-disposition": 'attachment; filename="medkd-readings.csv"'}
            return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

        app.add_route("/export.csv", csv, ["GET"])
    redact_handler_errors(blocks)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth_dependency=lambda request: request.scope["state"]["account"].name,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        **{
            "show_error": False,
            "footer_links": [],
            "run_history": False,
            "ssr_mode": False,
            "mcp_server": False,
            **(gradio_options or {}),
        },
    )
    app.add_middleware(
        SecurityMiddleware,
        identify=login.identify,
        login=None if login.proxy.header else "/login",
        prefix=login.proxy.prefix,
    )
    return app


def _file(path: Path) -> Callable[[Request], Response]:
    return lambda _request: FileResponse(path)


def _check_database(database: Database) -> None:
    with database.read_session() as session:
        session.execute(text("SELECT 1"))
