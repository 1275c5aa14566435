"""Login routes: the pages for login, logout and change of password."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import anyio
from anyio import to_thread
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from medkd.app.auth.accounts import Accounts, LockedOut, LoginRefused
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import IDLE_SECONDS, LIFETIME_SECONDS, Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.errors import InputError

TEMPLATES = Path(__file__).with_name("templates")


class LoginRoutes:
    """Handlers of ``/login``, ``/logout`` and ``/password``, and the account behind a request.

    Args:
        cookie_secure: whether the cookie is sent over TLS alone; None: where there is TLS or a proxy.
    """

    def __init__(
        self, accounts: Accounts, sessions: Sessions, audit: AuditLog, proxy: Proxy, cookie_secure: bool | None
    ) -> None:
        self.accounts = accounts
        self.sessions = sessions
        self.audit = audit
        self.proxy = proxy
        self.cookie_secure = cookie_secure
        self._pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(default=True))
        self._last_proxy_request: dict[str, float] = {}
        # Checking a password occupies a core: logins have threads of their own, so that readers do not wait.
        self._password_threads = anyio.CapacityLimiter(max(2, os.cpu_count() or 2))

    def identify(self, request: Request) -> Account | None:
        """The account behind a request: the proxy's user, or the session of its cookie; None if there is neither."""
        if self.proxy.header is None:
            token = request.cookies.get(self._cookie(request))
            return self.sessions.account_of(token) if token else None
        name = self.proxy.remote_user(request)
        account = self.accounts.proxy_account(name, self.proxy.create_role) if name else None
        if account:
            self._audit_proxy_login(account.name)
        return account

    async def show_login(self, request: Request) -> Response:
        """The login form; a browser that is logged in is redirected to the pages."""
        if await run_in_threadpool(self.identify, request):
            return RedirectResponse(f"{_root(request)}/", 303)
        return self._page(request, "login.html.j2")

    async def log_in(self, request: Request) -> Response:
        """Check name and password; the new session replaces the browser's earlier one."""
        form = await _form(request)
        try:
            address = self.proxy.client_address(request)
            account = await to_thread.run_sync(
                self.accounts.authenticate, form("name"), form("password"), address, limiter=self._password_threads
            )
        except LockedOut as error:
            return self._page(request, "login.html.j2", 429, problem=str(error), name=form("name"))
        except LoginRefused as error:
            return self._page(request, "login.html.j2", 401, problem=str(error), name=form("name"))
        if earlier := request.cookies.get(self._cookie(request)):
            await run_in_threadpool(self.sessions.close, earlier)
        return await self._begin(request, account)

    async def log_out(self, request: Request) -> Response:
        """Close the session on the server, whatever the browser does with its cookie."""
        token = request.cookies.get(self._cookie(request), "")
        await run_in_threadpool(self.sessions.close, token)
        await run_in_threadpool(self.audit.append, request.state.account.name, "logout")
        root = _root(request)
        answer = RedirectResponse(f"{root}/login", 303)
        answer.delete_cookie(
            self._cookie(request), path=root or "/", secure=self._is_secure(request), httponly=True, samesite="strict"
        )
        # Below a path, the storage is that of the portal's other pages too.
        answer.headers["clear-site-data"] = '"cache"' if root else '"cache", "storage"'
        return answer

    async def show_password(self, request: Request) -> Response:
        """The form for a new password."""
        return self._page(request, "password.html.j2", account=request.state.account)

    async def change_password(self, request: Request) -> Response:
        """Change it; every session of the account ends, and this browser gets a new one."""
        account: Account = request.state.account
        form = await _form(request)
        try:
            if form("new") != form("again"):
                raise InputError("the two new passwords differ", remedy="Type the same twice")
            passwords = form("current"), form("new")
            await to_thread.run_sync(
                self.accounts.change_password, account.name, *passwords, limiter=self._password_threads
            )
        except InputError as error:
            status = 429 if isinstance(error, LockedOut) else 400
            return self._page(request, "password.html.j2", status, problem=str(error), account=account)
        return await self._begin(request, account)

    async def show_external_login(self, request: Request) -> Response:
        """The page in place of all others where a proxy logs users in."""
        return self._page(request, "external_login.html.j2")

    async def _begin(self, request: Request, account: Account) -> Response:
        token = await run_in_threadpool(self.sessions.open, account.name)
        root = _root(request)
        answer = RedirectResponse(f"{root}/", 303)
        answer.set_cookie(
            self._cookie(request),
            token,
            max_age=int(LIFETIME_SECONDS),
            path=root or "/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return answer

    def _is_secure(self, request: Request) -> bool:
        return self.proxy.is_secure(request) if self.cookie_secure is None else self.cookie_secure

    def _cookie(self, request: Request) -> str:
        # The prefix makes browsers refuse a cookie of this name that another host of the same domain has set, and
        # asks for the path "/". Below a portal's path the cookie is kept from the portal's other pages instead.
        if not self._is_secure(request):
            return "medkd"
        return "__Secure-medkd" if _root(request) else "__Host-medkd"

    def _audit_proxy_login(self, name: str) -> None:
        """A proxy reports no logins: one is recorded when a user returns after ``IDLE_SECONDS``."""
        now = time.monotonic()
        last = self._last_proxy_request.get(name)
        self._last_proxy_request[name] = now
        if last is None or now - last > IDLE_SECONDS:
            self.audit.append(name, "login", through="proxy")

    def _page(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self._pages.get_template(template).render(root=_root(request), **values), status)


def _root(request: Request) -> str:
    """Path below which browsers see the viewer, such as "/ecg"; "" where it has the host for itself."""
    return str(request.scope.get("root_path", ""))


async def _form(request: Request) -> Callable[[str], str]:
    """The text fields of a form; a file or a missing field is empty."""
    async with request.form(max_files=0, max_fields=8) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return lambda name: fields.get(name, "")
