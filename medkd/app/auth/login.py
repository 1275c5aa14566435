"""Login, logout and change of password: our own pages in front of the viewer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import anyio
from anyio import to_thread
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from medkd.app.auth.accounts import Accounts, LockedOut, Refused
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import IDLE, LONGEST, Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import Audit
from medkd.errors import InputError


class Door:
    """Who comes in, and how they leave.

    Args:
        accounts, sessions, audit: of the viewer's folder.
        proxy: in front.
        cookie_secure: see ``medkd.app.server.server.build_server``.
    """

    def __init__(
        self, accounts: Accounts, sessions: Sessions, audit: Audit, proxy: Proxy, cookie_secure: bool | None
    ) -> None:
        self.accounts = accounts
        self.sessions = sessions
        self.audit = audit
        self.proxy = proxy
        self.cookie_secure = cookie_secure
        self._pages = Environment(loader=PackageLoader("medkd.app.auth"), autoescape=select_autoescape(default=True))
        self._vouched: dict[str, float] = {}
        # Checking a password takes a processor for a while: whoever waits for that holds none of the threads that
        # answer readers.
        self._checking = anyio.CapacityLimiter(max(2, os.cpu_count() or 2))

    def identify(self, request: Request) -> Account | None:
        """Who a request comes from: whom the proxy names, or whose session its cookie is."""
        if self.proxy.header is None:
            token = request.cookies.get(self._cookie(request))
            return self.sessions.account_of(token) if token else None
        name = self.proxy.person(request)
        account = self.accounts.vouched(name, self.proxy.create) if name else None
        if account:
            self._note_vouched(account.name)
        return account

    async def show_login(self, request: Request) -> Response:
        """The form; who is logged in already goes on to the pages."""
        if await run_in_threadpool(self.identify, request):
            return RedirectResponse("/", 303)
        return self._page("login.html.j2")

    async def log_in(self, request: Request) -> Response:
        """Check name and password; a new session replaces the browser's earlier one."""
        form = await _form(request)
        try:
            address = self.proxy.client(request)
            account = await to_thread.run_sync(
                self.accounts.check, form("name"), form("password"), address, limiter=self._checking
            )
        except LockedOut as error:
            return self._page("login.html.j2", 429, problem=str(error), name=form("name"))
        except Refused as error:
            return self._page("login.html.j2", 401, problem=str(error), name=form("name"))
        if earlier := request.cookies.get(self._cookie(request)):
            await run_in_threadpool(self.sessions.close, earlier)
        return await self._begin(request, account)

    async def log_out(self, request: Request) -> Response:
        """End the session on this side, whatever the browser does with its cookie."""
        token = request.cookies.get(self._cookie(request), "")
        await run_in_threadpool(self.sessions.close, token)
        await run_in_threadpool(self.audit.append, request.state.account.name, "logout")
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(
            self._cookie(request), path="/", secure=self._is_secure(request), httponly=True, samesite="strict"
        )
        answer.headers["clear-site-data"] = '"cache", "storage"'
        return answer

    async def show_password(self, request: Request) -> Response:
        """The form for a new password."""
        return self._page("password.html.j2", account=request.state.account)

    async def change_password(self, request: Request) -> Response:
        """Change it; every session of the account ends, and this browser gets a new one."""
        account: Account = request.state.account
        form = await _form(request)
        try:
            if form("new") != form("again"):
                raise InputError("the two new passwords differ", remedy="Type the same twice")
            typed = form("current"), form("new")
            await to_thread.run_sync(self.accounts.change_password, account.name, *typed, limiter=self._checking)
        except InputError as error:
            status = 429 if isinstance(error, LockedOut) else 400
            return self._page("password.html.j2", status, problem=str(error), account=account)
        return await self._begin(request, account)

    async def show_elsewhere(self, _request: Request) -> Response:
        """Where the proxy logs people in there is nothing to do here."""
        return self._page("elsewhere.html.j2")

    async def _begin(self, request: Request, account: Account) -> Response:
        token = await run_in_threadpool(self.sessions.open, account.name)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._cookie(request),
            token,
            max_age=int(LONGEST),
            path="/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return answer

    def _is_secure(self, request: Request) -> bool:
        return self.proxy.is_secure(request) if self.cookie_secure is None else self.cookie_secure

    def _cookie(self, request: Request) -> str:
        # The prefix makes browsers refuse a cookie of this name that another host of the same domain has set.
        return "__Host-medkd" if self._is_secure(request) else "medkd"

    def _note_vouched(self, name: str) -> None:
        """A login through the proxy has no moment of its own: it is noted when someone comes back after a pause."""
        now = time.monotonic()
        last = self._vouched.get(name)
        self._vouched[name] = now
        if last is None or now - last > IDLE:
            self.audit.append(name, "login", through="proxy")

    def _page(self, template: str, status: int = 200, **shown: object) -> HTMLResponse:
        return HTMLResponse(self._pages.get_template(template).render(shown), status)


async def _form(request: Request) -> Callable[[str], str]:
    """What was typed, by field; a file in its place counts as nothing."""
    async with request.form(max_files=0, max_fields=8) as form:
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
    return lambda name: typed.get(name, "")
