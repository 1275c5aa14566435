"""The web server: our own login in front of the pages, and a guard around both."""

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
from medkd.app.auth.error_handling import quieten
from medkd.app.auth.login import Door
from medkd.app.auth.middleware import Guard
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database

if TYPE_CHECKING:
    import gradio

TEMPLATES = Path(__file__).parents[1] / "auth" / "templates"


def build_server(
    database: Database,
    accounts: Accounts,
    sessions: Sessions,
    audit: Audit,
    blocks: gradio.Blocks,
    *,
    look: Mapping[str, Any] | None = None,
    files: Mapping[str, Path] | None = None,
    export: Callable[[Account], str] | None = None,
    proxy: Proxy | None = None,
    cookie_secure: bool | None = None,
) -> FastAPI:
    """The viewer as an ASGI application.

    Args:
        database, accounts, sessions, audit: of the viewer's folder.
        blocks: the pages.
        look: further arguments of ``gradio.mount_gradio_app``.
        files: our own scripts and styles, by the path under which they are served.
        export: the CSV that an account may have, served as ``/export.csv``.
        proxy: the reverse proxy in front.
        cookie_secure: whether the cookie is sent over TLS alone; None: where there is TLS or a proxy.
    """
    import gradio as gr

    app = FastAPI(title="medkd", docs_url=None, redoc_url=None, openapi_url=None)
    door = Door(accounts, sessions, audit, proxy or Proxy(), cookie_secure)
    for path, methods, answer in (
        ("/login", ["GET"], door.show_login),
        ("/login", ["POST"], door.log_in),
        ("/logout", ["POST"], door.log_out),
        ("/password", ["GET"], door.show_password),
        ("/password", ["POST"], door.change_password),
    ):
        app.add_route(path, door.show_elsewhere if door.proxy.header else answer, methods)
    app.add_route("/login.css", _file(TEMPLATES / "login.css"), ["GET"])
    for path, file in (files or {}).items():
        app.add_route(path, _file(file), ["GET"])

    async def healthz(_request: Request) -> Response:
        await run_in_threadpool(_reach, database)
        return PlainTextResponse("ok\n")

    app.add_route("/healthz", healthz, ["GET"])
    if export is not None:

        async def csv(request: Request) -> Response:
            text = await run_in_threadpool(export, request.state.account)
            headers = {"content-disposition": 'attachment; filename="medkd-readings.csv"'}
            return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

        app.add_route("/export.csv", csv, ["GET"])
    quieten(blocks)
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
            **(look or {}),
        },
    )
    app.add_middleware(Guard, identify=door.identify, login=None if door.proxy.header else "/login")
    return app


def _file(path: Path) -> Callable[[Request], Response]:
    return lambda _request: FileResponse(path)


def _reach(database: Database) -> None:
    with database.reading() as session:
        session.execute(text("SELECT 1"))
